// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

/// A stand-in for Maker's oracle security module: its storage layout and its closed door.
/// Layout as osm/src/osm.sol has it; anybody may set it.
contract DelayedPip {
    mapping(address => uint256) public wards; // 0
    uint256 public stopped; // 1
    address public src; // 2, with hop and zzz
    uint16 public hop = 3600;
    uint64 public zzz;
    uint256 private cur; // 3: low half the value, high half whether there is one
    uint256 private nxt; // 4
    mapping(address => uint256) public bud; // 5

    function set(uint256 cur_, uint256 nxt_) external {
        cur = cur_;
        nxt = nxt_;
    }

    function kiss(address who) external {
        bud[who] = 1;
    }

    function peek() external view returns (bytes32, bool) {
        require(bud[msg.sender] == 1, "OSM/contract-not-whitelisted");
        return (bytes32(uint256(uint128(cur))), cur >> 128 == 1);
    }
}
