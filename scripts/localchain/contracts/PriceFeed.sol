// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

/// A price feed anybody may set. It answers what a Chainlink proxy answers.
contract PriceFeed {
    int256 public latestAnswer; // storage slot 0: tests may override it in an eth_call
    uint80 private round;
    uint256 private updatedAt;
    uint8 public immutable decimals;
    string public description;

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    constructor(string memory description_, uint8 decimals_, int256 answer) {
        description = description_;
        decimals = decimals_;
        set(answer);
    }

    function set(int256 answer) public {
        latestAnswer = answer;
        round += 1;
        updatedAt = block.timestamp;
        emit AnswerUpdated(answer, round, block.timestamp);
    }

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updated, uint80 answeredIn)
    {
        return (round, latestAnswer, updatedAt, updatedAt, round);
    }
}
