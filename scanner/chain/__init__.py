"""The JSON-RPC edge: the only package that talks to a node, and the only one that imports web3.

secrets     what an endpoint's URL may never leak into
faults      what a refusal means (message first, then code, then HTTP status)
transport   one endpoint: one keep-alive session, size limits, strict answers
client      retries, failover, patience over several endpoints
multicall3  aggregate3 written and read by numpy; the proof of the block
bulk        many calls of one shape
trials      what contracts would say if feeds answered otherwise (bench, stub, records: its parts)
small       few calls of many shapes, through the package `multicall` behind a guard
logs        eth_getLogs in adaptive ranges
pinned      a chain at one block: the only door an adapter gets
connect     endpoints in, `Node` out
abi         the JSON files of abis/
"""
