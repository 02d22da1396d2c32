"""`bandscan report`: a store, its answers and the static site, tied together.

    the store ──► report.py ──► outputs/site: pages, documents, tables ──► a folder
                  [each scan read once]

report.py      what is written: documents, tables, pages; which drivers have a page
portraits.py   what a driver's page shows: answers, largest accounts, the past
movers.py      who changed its ranges since the complete scan before
"""
