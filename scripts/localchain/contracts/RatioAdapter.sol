// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IFeed {
    function latestAnswer() external view returns (int256);
    function decimals() external view returns (uint8);
}

/// How much of the base asset one unit of the wrapped asset is worth; settable.
contract RatioProvider {
    int256 public ratio;

    constructor(int256 ratio_) {
        ratio = ratio_;
    }

    function set(int256 ratio_) external {
        ratio = ratio_;
    }
}

/// Base feed times a ratio that may only grow so fast, with the getters of the adapters
/// that real markets use for staked ether, so that a scanner can walk from it to the base feed.
contract RatioAdapter {
    IFeed public immutable BASE_TO_USD_AGGREGATOR;
    address public immutable RATIO_PROVIDER;
    uint8 public constant RATIO_DECIMALS = 18;
    uint8 public immutable decimals;
    string public description;

    uint256 public immutable getSnapshotRatio;
    uint256 public immutable getSnapshotTimestamp;
    uint256 public immutable getMaxRatioGrowthPerSecond;

    constructor(
        string memory description_,
        IFeed base,
        RatioProvider provider,
        uint256 maxYearlyGrowthBps
    ) {
        description = description_;
        BASE_TO_USD_AGGREGATOR = base;
        RATIO_PROVIDER = address(provider);
        decimals = base.decimals();
        getSnapshotRatio = uint256(provider.ratio());
        getSnapshotTimestamp = block.timestamp;
        getMaxRatioGrowthPerSecond = getSnapshotRatio * maxYearlyGrowthBps / 10_000 / 365 days;
    }

    function getRatio() public view returns (int256) {
        return RatioProvider(RATIO_PROVIDER).ratio();
    }

    function isCapped() public view returns (bool) {
        return getRatio() > maxRatio();
    }

    function latestAnswer() external view returns (int256) {
        int256 base = BASE_TO_USD_AGGREGATOR.latestAnswer();
        int256 ratio = getRatio();
        if (base <= 0 || ratio <= 0) return 0;
        if (isCapped()) ratio = maxRatio();
        return base * ratio / int256(10 ** uint256(RATIO_DECIMALS));
    }

    function maxRatio() private view returns (int256) {
        uint256 age = block.timestamp - getSnapshotTimestamp;
        return int256(getSnapshotRatio + getMaxRatioGrowthPerSecond * age);
    }
}
