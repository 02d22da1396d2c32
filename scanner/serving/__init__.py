"""`bandscan serve`: a store, its answers and the HTTP API, tied together in one process.

    the store ──► showing.py ──► outputs/api: board ──► front ──► clients
    [polled]      [a thread]     [one reference]

server.py      everything that runs, how it begins and ends
binding.py     where it listens, who may reach it, by which names it answers
showing.py     what the store holds, loaded when it changes
telling.py     from the API's questions to `answers`
chronicle.py   history and events of a chain, each document read once
rescans.py     the scans of --watch, in processes of their own
"""
