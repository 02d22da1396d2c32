// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function mint(address to, int24 low, int24 high, uint128 amount, bytes calldata data) external;
}

interface ITestToken {
    function mint(address to, uint256 amount) external;
}

/// Brings liquidity into a pool of Uniswap v3, in test tokens that it makes itself.
contract PoolMinter {
    function add(address pool, int24 low, int24 high, uint128 amount) external {
        IPool(pool).mint(address(this), low, high, amount, "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        ITestToken(IPool(msg.sender).token0()).mint(msg.sender, owed0);
        ITestToken(IPool(msg.sender).token1()).mint(msg.sender, owed1);
    }
}
