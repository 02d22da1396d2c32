// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface ISettableFeed {
    function set(int256 answer) external;
}

interface IBalance {
    function balanceOf(address) external view returns (uint256);
}

interface IAccounts {
    function getUserAccountData(address user)
        external
        view
        returns (
            uint256 collateral,
            uint256 debt,
            uint256 available,
            uint256 threshold,
            uint256 ltv,
            uint256 healthFactor
        );
    function getUserConfiguration(address user) external view returns (uint256);
    function getUserEMode(address user) external view returns (uint256);
}

/// Many questions in one eth_call. Nothing here is meant for a transaction.
contract Prober {
    /// Health factors at other prices: moving the feed leaves no trace in an eth_call.
    function healthFactors(
        IAccounts pool,
        ISettableFeed feed,
        address[] calldata users,
        int256[] calldata answers
    ) external returns (uint256[] memory factors) {
        factors = new uint256[](users.length);
        for (uint256 i = 0; i < users.length; i++) {
            feed.set(answers[i]);
            (,,,,, factors[i]) = pool.getUserAccountData(users[i]);
        }
    }

    /// Six numbers for each user, as getUserAccountData gives them.
    function accounts(IAccounts pool, address[] calldata users)
        external
        view
        returns (uint256[] memory data)
    {
        data = new uint256[](6 * users.length);
        for (uint256 i = 0; i < users.length; i++) {
            uint256 at = 6 * i;
            (data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], data[at + 5]) =
                pool.getUserAccountData(users[i]);
        }
    }

    /// Two words for each user: the bitmap of collateral and debt flags, and the e-mode.
    function configurations(IAccounts pool, address[] calldata users)
        external
        view
        returns (uint256[] memory data)
    {
        data = new uint256[](2 * users.length);
        for (uint256 i = 0; i < users.length; i++) {
            data[2 * i] = pool.getUserConfiguration(users[i]);
            data[2 * i + 1] = pool.getUserEMode(users[i]);
        }
    }

    /// Balance of users[i] in tokens[j], at i * tokens.length + j.
    function balances(IBalance[] calldata tokens, address[] calldata users)
        external
        view
        returns (uint256[] memory data)
    {
        data = new uint256[](tokens.length * users.length);
        uint256 at = 0;
        for (uint256 i = 0; i < users.length; i++) {
            for (uint256 j = 0; j < tokens.length; j++) {
                data[at++] = tokens[j].balanceOf(users[i]);
            }
        }
    }
}
