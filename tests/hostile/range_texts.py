"""What nodes and providers say to an eth_getLogs that asks too much, quoted.

Templates may use limit, limit_commas, limit_k, asked, low, high, fit, low_hex and fit_hex.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One refusal. `measure`: blocks, results, bytes (of the answer) or filters."""

    name: str
    code: int
    text: str
    measure: str = "blocks"
    status: int = 200


ROWS = (
    # Clients
    Row("geth", -32602, "exceed maximum block range {limit}"),
    Row("reth", -32602, "query exceeds max block range {limit}"),
    Row(
        "nethermind-results",
        -32005,
        "Too many logs requested. Max logs per response is {limit}.",
        "results",
    ),
    Row(
        "nethermind",
        -32602,
        "Block range {asked} exceeds the maximum of {limit} blocks per logs request. "
        "Use a narrower...",
    ),
    Row("besu", -32005, "Requested range exceeds maximum RPC range limit"),
    Row(
        "avalanche",
        -32000,
        "requested too many blocks from {low} to {high}, maximum is set to {limit}",
    ),
    Row("proxyd", -32600, "Block range is too large"),
    Row("proxyd-busy", -32011, "no backend is currently healthy to serve traffic", status=503),
    Row("proxyd-size", -32020, "backend response too large", "bytes", 500),
    # Providers
    Row("alchemy-150mb", -32600, "Response size is larger than 150MB limit", "bytes", 400),
    Row("infura-timeout", -32005, "query timeout exceeded"),
    Row("infura-range", -32602, "range {asked} exceeds limit of {limit}"),
    Row(
        "infura-filters",
        -32602,
        "This query contains {fit} filters. The current limit is {limit}.",
        "filters",
    ),
    Row("ankr", -32062, "Block range is too large", status=400),
    Row("ankr-wide", -32600, "block range is too wide"),
    Row("ankr-results", -32600, "query exceeds max results", "results"),
    Row("publicnode", -32701, "exceed maximum block range: {limit}"),
    Row("drpc", 35, "ranges over {limit} blocks are not supported on freetier"),
    Row(
        "drpc-timeout",
        30,
        "Request timeout on the free tier, please upgrade your tier to the paid one",
    ),
    Row("drpc-exception", -32000, "ChainException: Unexpected error (code=40000)"),
    Row("drpc-invalid", -32000, "invalid block range"),
    Row("1rpc", -32000, "eth_getLogs is limited to a {limit} blocks range"),
    Row("1rpc-size", -32000, "response size should not greater than {limit} bytes", "bytes"),
    Row("llamarpc", -32602, "query exceeds max results {limit}", "results"),
    Row("merkle", -32603, "eth_getLogs range is too large, max is {limit_k} blocks"),
    Row("blockpi", -32602, "eth_getLogs is limited to {limit} block range. Please check..."),
    Row("chainstack", -32602, "Block range limit exceeded. ..."),
    Row(
        "cloudflare",
        -32047,
        "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: {limit}",
    ),
    Row("blast", -32600, "eth_getLogs is limited to a {limit_commas} range", status=400),
    Row(
        "blast-plan",
        -32600,
        "block range exceeds the range allowed for your plan ({asked} > {limit})",
        status=400,
    ),
    Row("coinbase", -32005, "please limit the query to at most {limit} blocks"),
    Row(
        "thirdweb",
        -32005,
        "Log response size exceeded. Maximum allowed number of requested blocks is {limit}",
    ),
    Row("arbitrum", -32000, "logs matched by query exceeds limit of {limit}", "results"),
    Row("arc", -32600, "Query exceeds max block range of {limit}"),
    Row("tron", -32000, "exceed max block range: {limit}"),
    Row("moonbeam", -32603, "block range is too wide (maximum {limit})"),
    Row("harmony", -32000, "query must be smaller than size {limit}"),
    Row("aurora", -32005, "up to a {limit} block range"),
    Row("hyperliquid", -32602, "query exceeds max block range {limit}"),
    Row("hyperliquid-invalid", -32602, "invalid block range"),
    Row("somnia", -32000, "block range exceeds {limit}"),
    Row("swell", -32000, "block range greater than {limit} max"),
    Row("altitude", -32000, "allowed block range threshold exceeded"),
    Row("erpc", -32012, "exceeded max allowed range", status=413),
)
