// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

struct MarketParams {
    address loanToken;
    address collateralToken;
    address oracle;
    address irm;
    uint256 lltv;
}

struct PreLiquidationParams {
    uint256 preLltv;
    uint256 preLCF1;
    uint256 preLCF2;
    uint256 preLIF1;
    uint256 preLIF2;
    address preLiquidationOracle;
}

interface IMorphoBlue {
    function idToMarketParams(bytes32) external view returns (MarketParams memory);
    function market(bytes32) external view returns (uint128, uint128, uint128, uint128, uint128, uint128);
    function position(bytes32, address) external view returns (uint256, uint128, uint128);
    function accrueInterest(MarketParams memory) external;
    function repay(MarketParams memory, uint256, uint256, address, bytes memory) external returns (uint256, uint256);
    function withdrawCollateral(MarketParams memory, uint256, address, address) external;
}

interface IPriced {
    function price() external view returns (uint256);
}

interface IPaid {
    function transferFrom(address, address, uint256) external returns (bool);
    function approve(address, uint256) external returns (bool);
}

/// A stand-in for Morpho's PreLiquidation, which is on no package registry: who may be
/// pre-liquidated, at which loan-to-value, and the first repayment of one share. No factors grow.
contract PreLiquidationStandIn {
    error LiquidatablePosition();
    error NotPreLiquidatablePosition();

    event PreLiquidate(
        bytes32 indexed id,
        address indexed liquidator,
        address indexed borrower,
        uint256 repaidAssets,
        uint256 repaidShares,
        uint256 seizedAssets
    );

    IMorphoBlue public immutable MORPHO;
    bytes32 public immutable ID;
    PreLiquidationParams private params;

    constructor(IMorphoBlue morpho, bytes32 id, PreLiquidationParams memory params_) {
        (MORPHO, ID, params) = (morpho, id, params_);
        IPaid(morpho.idToMarketParams(id).loanToken).approve(address(morpho), type(uint256).max);
    }

    function preLiquidationParams() external view returns (PreLiquidationParams memory) {
        return params;
    }

    function preLiquidate(address borrower, uint256, uint256 repaidShares, bytes calldata)
        external
        returns (uint256 seized, uint256 repaid)
    {
        MarketParams memory here = MORPHO.idToMarketParams(ID);
        MORPHO.accrueInterest(here);
        uint256 price = IPriced(params.preLiquidationOracle).price();
        _require(borrower, price, here.lltv);
        repaid = _assetsUp(repaidShares);
        seized = repaid * params.preLIF1 / 1e18 * 1e36 / price;
        require(IPaid(here.loanToken).transferFrom(msg.sender, address(this), repaid));
        MORPHO.repay(here, 0, repaidShares, borrower, "");
        if (seized > 0) MORPHO.withdrawCollateral(here, seized, borrower, msg.sender);
        emit PreLiquidate(ID, msg.sender, borrower, repaid, repaidShares, seized);
    }

    function _require(address borrower, uint256 price, uint256 lltv) private view {
        (, uint128 owed, uint128 collateral) = MORPHO.position(ID, borrower);
        uint256 quoted = uint256(collateral) * price / 1e36;
        uint256 borrowed = _assetsUp(owed);
        if (borrowed > quoted * lltv / 1e18) revert LiquidatablePosition();
        if (borrowed <= quoted * params.preLltv / 1e18) revert NotPreLiquidatablePosition();
    }

    function _assetsUp(uint256 shares) private view returns (uint256) {
        (,, uint128 assets, uint128 total,,) = MORPHO.market(ID);
        uint256 whole = uint256(total) + 1e6;
        return (shares * (uint256(assets) + 1) + whole - 1) / whole;
    }
}

/// Makes them, and says so.
contract PreLiquidationFactoryStandIn {
    event CreatePreLiquidation(address indexed preLiquidation, bytes32 id, PreLiquidationParams preLiquidationParams);

    IMorphoBlue public immutable MORPHO;
    address public last;

    constructor(IMorphoBlue morpho) {
        MORPHO = morpho;
    }

    function createPreLiquidation(bytes32 id, PreLiquidationParams calldata params) external returns (address) {
        last = address(new PreLiquidationStandIn(MORPHO, id, params));
        emit CreatePreLiquidation(last, id, params);
        return last;
    }
}
