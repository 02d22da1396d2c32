// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IToken {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function balanceOf(address) external view returns (uint256);
}

interface IPool {
    function supply(address asset, uint256 amount, address onBehalfOf, uint16 code) external;
    function withdraw(address asset, uint256 amount, address to) external returns (uint256);
    function borrow(address asset, uint256 amount, uint256 mode, uint16 code, address onBehalfOf)
        external;
    function repay(address asset, uint256 amount, uint256 mode, address onBehalfOf)
        external
        returns (uint256);
    function setUserUseReserveAsCollateral(address asset, bool on) external;
    function setUserEMode(uint8 category) external;
}

/// A user of the pool that is a contract, as many real ones are. Anybody may drive it.
///
/// An operation is three words: kind (top byte) and token, amount, a second address.
contract Wallet {
    uint256 private constant VARIABLE = 2;

    function run(IPool pool, uint256[] calldata words) external {
        for (uint256 i = 0; i < words.length; i += 3) {
            step(pool, words[i] >> 248, address(uint160(words[i])), words[i + 1], words[i + 2]);
        }
    }

    function step(IPool pool, uint256 kind, address token, uint256 amount, uint256 other) private {
        if (kind == 1) {
            provide(pool, token, amount);
            pool.supply(token, amount, address(this), 0);
        } else if (kind == 2) {
            pool.borrow(token, amount, VARIABLE, 0, address(this));
        } else if (kind == 3) {
            // other = the debt token: repaying everything needs the balance of this moment
            bool all = amount == type(uint256).max;
            provide(pool, token, all ? IToken(address(uint160(other))).balanceOf(address(this)) : amount);
            pool.repay(token, amount, VARIABLE, address(this));
        } else if (kind == 4) {
            pool.withdraw(token, amount, address(this));
        } else if (kind == 5) {
            pool.setUserUseReserveAsCollateral(token, amount != 0);
        } else if (kind == 6) {
            pool.setUserEMode(uint8(amount));
        } else if (kind == 7) {
            IToken(token).transfer(address(uint160(other)), amount);
        } else {
            revert("unknown kind of operation");
        }
    }

    function provide(IPool pool, address token, uint256 amount) private {
        IToken(token).mint(address(this), amount);
        IToken(token).approve(address(pool), amount);
    }
}

/// Makes wallets (EIP-1167 clones by CREATE2, so their addresses follow from the salts)
/// and lets many of them act in one transaction. A wallet that fails is an event.
contract Populator {
    IPool public immutable pool;
    address public immutable wallet;

    event Failed(uint256 indexed index, address indexed wallet, bytes reason);

    constructor(IPool pool_) {
        pool = pool_;
        wallet = address(new Wallet());
    }

    function create(bytes32[] calldata salts) external {
        address implementation = wallet;
        for (uint256 i = 0; i < salts.length; i++) {
            bytes32 salt = salts[i];
            address made;
            assembly {
                let code := mload(0x40)
                mstore(code, 0x3d602d80600a3d3981f3363d3d373d3d3d363d73000000000000000000000000)
                mstore(add(code, 0x14), shl(0x60, implementation))
                mstore(add(code, 0x28), 0x5af43d82803e903d91602b57fd5bf30000000000000000000000000000000000)
                made := create2(0, code, 0x37, salt)
            }
            require(made != address(0), "this salt was used before");
        }
    }

    /// counts[i] words of `words` belong to wallets[i], in order.
    function run(address[] calldata wallets, uint256[] calldata counts, uint256[] calldata words)
        external
    {
        uint256 at = 0;
        for (uint256 i = 0; i < wallets.length; i++) {
            uint256 next = at + counts[i];
            try Wallet(wallets[i]).run(pool, words[at:next]) {}
            catch (bytes memory reason) {
                emit Failed(i, wallets[i], reason);
            }
            at = next;
        }
    }
}
