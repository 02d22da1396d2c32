// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IAnswer {
    function latestAnswer() external view returns (int256);
}

/// A stand-in for the later AaveOracle of Aave v2 (Avalanche), which quotes in dollars and says so.
contract DollarOracle {
    address public constant BASE_CURRENCY = address(0);
    uint256 public constant BASE_CURRENCY_UNIT = 1e8;

    mapping(address => address) public getSourceOfAsset;

    function setSource(address asset, address source) external {
        getSourceOfAsset[asset] = source;
    }

    function getAssetPrice(address asset) external view returns (uint256) {
        int256 answer = IAnswer(getSourceOfAsset[asset]).latestAnswer();
        require(answer > 0, "no price");
        return uint256(answer);
    }
}
