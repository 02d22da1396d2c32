// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IRoundFeed {
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80);
}

/// A stand-in for Compound v3, which is on no package registry: the views, events and arithmetic
/// that a scanner meets, written anew. No rewards, caps, managers, pauses but of absorb, and no
/// selling of what was absorbed. Anybody may set a price feed of an asset or pause absorbing.
contract CometStandIn {
    struct AssetInfo {
        uint8 offset;
        address asset;
        address priceFeed;
        uint64 scale;
        uint64 borrowCollateralFactor;
        uint64 liquidateCollateralFactor;
        uint64 liquidationFactor;
        uint128 supplyCap;
    }

    struct UserBasic {
        int104 principal;
        uint64 baseTrackingIndex;
        uint64 baseTrackingAccrued;
        uint16 assetsIn;
        uint8 _reserved;
    }

    struct Balance {
        uint128 balance;
        uint128 _reserved;
    }

    struct TotalsBasic {
        uint64 baseSupplyIndex;
        uint64 baseBorrowIndex;
        uint64 trackingSupplyIndex;
        uint64 trackingBorrowIndex;
        uint104 totalSupplyBase;
        uint104 totalBorrowBase;
        uint40 lastAccrualTime;
        uint8 pauseFlags;
    }

    event Supply(address indexed from, address indexed dst, uint256 amount);
    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Withdraw(address indexed src, address indexed to, uint256 amount);
    event SupplyCollateral(address indexed from, address indexed dst, address indexed asset, uint256 amount);
    event TransferCollateral(address indexed from, address indexed to, address indexed asset, uint256 amount);
    event WithdrawCollateral(address indexed src, address indexed to, address indexed asset, uint256 amount);
    event AbsorbDebt(address indexed absorber, address indexed borrower, uint256 basePaidOut, uint256 usdValue);
    event AbsorbCollateral(
        address indexed absorber,
        address indexed borrower,
        address indexed asset,
        uint256 collateralAbsorbed,
        uint256 usdValue
    );

    event BuyCollateral(
        address indexed buyer, address indexed asset, uint256 baseAmount, uint256 collateralAmount
    );

    error NotLiquidatable();
    error NotCollateralized();
    error BadPrice();
    error Paused();

    uint64 private constant INDEX = 1e15;
    uint256 private constant FACTOR = 1e18;

    address public immutable baseToken;
    address public baseTokenPriceFeed;
    uint256 public immutable baseScale;
    uint256 public constant storeFrontPriceFactor = 0.5e18;
    uint256 private immutable rateBase; // per second, 1e18
    uint256 private immutable rateSlope;

    AssetInfo[] private assets;
    TotalsBasic private totals;
    mapping(address => UserBasic) public userBasic;
    mapping(address => mapping(address => Balance)) public userCollateral;
    mapping(address => Balance) public totalsCollateral;
    bool public isAbsorbPaused;

    constructor(address base, address feed, uint8 decimals, uint256 rateBase_, uint256 rateSlope_) {
        (baseToken, baseTokenPriceFeed, baseScale) = (base, feed, 10 ** decimals);
        (rateBase, rateSlope) = (rateBase_, rateSlope_);
        totals.baseSupplyIndex = totals.baseBorrowIndex = INDEX;
        totals.lastAccrualTime = uint40(block.timestamp);
    }

    // --- what anybody may set up ----------------------------------------------

    function addAsset(address asset, address feed, uint64 scale, uint64 borrowCF, uint64 liquidateCF, uint64 factor)
        external
    {
        uint8 offset = uint8(assets.length);
        require(offset < 24, "24 assets at most");
        assets.push(AssetInfo(offset, asset, feed, scale, borrowCF, liquidateCF, factor, type(uint128).max));
    }

    function setFeed(uint8 offset, address feed) external {
        assets[offset].priceFeed = feed;
    }

    function setFactor(uint8 offset, uint64 liquidateCF) external {
        assets[offset].liquidateCollateralFactor = liquidateCF;
    }

    function setAbsorbPaused(bool paused) external {
        isAbsorbPaused = paused;
    }

    // --- views ----------------------------------------------------------------

    function numAssets() external view returns (uint8) {
        return uint8(assets.length);
    }

    function getAssetInfo(uint8 i) public view returns (AssetInfo memory) {
        return assets[i];
    }

    function totalsBasic() external view returns (TotalsBasic memory) {
        return totals;
    }

    function getPrice(address feed) public view returns (uint256) {
        (, int256 answer,,,) = IRoundFeed(feed).latestRoundData();
        if (answer <= 0) revert BadPrice();
        return uint256(answer);
    }

    function getUtilization() public view returns (uint256) {
        uint256 supplied = uint256(totals.totalSupplyBase) * totals.baseSupplyIndex / INDEX;
        uint256 borrowed = uint256(totals.totalBorrowBase) * totals.baseBorrowIndex / INDEX;
        return supplied == 0 ? 0 : borrowed * FACTOR / supplied;
    }

    function getBorrowRate(uint256 utilization) public view returns (uint64) {
        return uint64(rateBase + rateSlope * utilization / FACTOR);
    }

    function borrowBalanceOf(address account) external view returns (uint256) {
        (, uint64 index) = _accrued();
        int104 principal = userBasic[account].principal;
        return principal < 0 ? uint256(uint104(-principal)) * index / INDEX : 0;
    }

    /// With the stored index, as upstream: `absorb` accrues first.
    function isLiquidatable(address account) public view returns (bool) {
        return userBasic[account].principal < 0 && _liquidity(account, true) < 0;
    }

    function isBorrowCollateralized(address account) public view returns (bool) {
        return userBasic[account].principal >= 0 || _liquidity(account, false) >= 0;
    }

    // --- actions --------------------------------------------------------------

    function accrueAccount(address) external {
        _accrue();
    }

    function supply(address asset, uint256 amount) external {
        supplyTo(msg.sender, asset, amount);
    }

    function supplyTo(address dst, address asset, uint256 amount) public {
        require(IToken(asset).transferFrom(msg.sender, address(this), amount));
        if (asset == baseToken) {
            _accrue();
            _change(dst, int256(amount));
            emit Supply(msg.sender, dst, amount);
        } else {
            _hold(dst, asset, int256(amount));
            totalsCollateral[asset].balance += uint128(amount);
            emit SupplyCollateral(msg.sender, dst, asset, amount);
        }
    }

    /// What an absorption took, sold at the discount of Comet.quoteCollateral.
    function buyCollateral(address asset, uint256, uint256 baseAmount, address recipient) external {
        require(IToken(baseToken).transferFrom(msg.sender, address(this), baseAmount));
        AssetInfo memory one = assets[_offset(asset)];
        uint256 discount = storeFrontPriceFactor * (FACTOR - one.liquidationFactor) / FACTOR;
        uint256 price = getPrice(one.priceFeed) * (FACTOR - discount) / FACTOR;
        uint256 bought = getPrice(baseTokenPriceFeed) * baseAmount * one.scale / price / baseScale;
        require(IToken(asset).transfer(recipient, bought));
        emit BuyCollateral(msg.sender, asset, baseAmount, bought);
    }

    function withdraw(address asset, uint256 amount) external {
        if (asset == baseToken) {
            _accrue();
            _change(msg.sender, -int256(amount));
            if (!isBorrowCollateralized(msg.sender)) revert NotCollateralized();
            emit Withdraw(msg.sender, msg.sender, amount);
        } else {
            _hold(msg.sender, asset, -int256(amount));
            totalsCollateral[asset].balance -= uint128(amount);
            if (!isBorrowCollateralized(msg.sender)) revert NotCollateralized();
            emit WithdrawCollateral(msg.sender, msg.sender, asset, amount);
        }
        require(IToken(asset).transfer(msg.sender, amount));
    }

    /// Moves base. Says so only where somebody's supply shrinks or grows: between two borrowers
    /// there is no log at all.
    function transfer(address dst, uint256 amount) external returns (bool) {
        _accrue();
        uint256 less = _change(msg.sender, -int256(amount));
        uint256 more = _change(dst, int256(amount));
        if (!isBorrowCollateralized(msg.sender)) revert NotCollateralized();
        if (less > 0) emit Transfer(msg.sender, address(0), less);
        if (more > 0) emit Transfer(address(0), dst, more);
        return true;
    }

    function transferAsset(address dst, address asset, uint256 amount) external {
        _hold(msg.sender, asset, -int256(amount));
        _hold(dst, asset, int256(amount));
        if (!isBorrowCollateralized(msg.sender)) revert NotCollateralized();
        emit TransferCollateral(msg.sender, dst, asset, amount);
    }

    function absorb(address absorber, address[] calldata accounts) external {
        if (isAbsorbPaused) revert Paused();
        _accrue();
        for (uint256 i = 0; i < accounts.length; i++) _absorb(absorber, accounts[i]);
    }

    // --- inside ---------------------------------------------------------------

    function _accrued() private view returns (uint64 supplyIndex, uint64 borrowIndex) {
        uint256 rate = uint256(getBorrowRate(getUtilization())) * (block.timestamp - totals.lastAccrualTime);
        supplyIndex = totals.baseSupplyIndex + uint64(uint256(totals.baseSupplyIndex) * (rate / 2) / FACTOR);
        borrowIndex = totals.baseBorrowIndex + uint64(uint256(totals.baseBorrowIndex) * rate / FACTOR);
    }

    function _accrue() private {
        (totals.baseSupplyIndex, totals.baseBorrowIndex) = _accrued();
        totals.lastAccrualTime = uint40(block.timestamp);
    }

    /// Changes an account's base balance; returns by how much its supply changed, present value.
    function _change(address account, int256 by) private returns (uint256) {
        int104 before = userBasic[account].principal;
        int256 balance = before >= 0
            ? int256(uint256(uint104(before)) * totals.baseSupplyIndex / INDEX)
            : -int256(uint256(uint104(-before)) * totals.baseBorrowIndex / INDEX);
        int104 principal = _principal(balance + by);
        userBasic[account].principal = principal;
        uint104 supplied = before > 0 ? uint104(before) : 0;
        uint104 supplies = principal > 0 ? uint104(principal) : 0;
        totals.totalSupplyBase = totals.totalSupplyBase + supplies - supplied;
        totals.totalBorrowBase = totals.totalBorrowBase
            + (principal < 0 ? uint104(-principal) : 0) - (before < 0 ? uint104(-before) : 0);
        uint104 delta = supplies > supplied ? supplies - supplied : supplied - supplies;
        return uint256(delta) * totals.baseSupplyIndex / INDEX;
    }

    function _principal(int256 balance) private view returns (int104) {
        if (balance >= 0) return int104(int256(uint256(balance) * INDEX / totals.baseSupplyIndex));
        uint256 index = totals.baseBorrowIndex;
        return -int104(int256((uint256(-balance) * INDEX + index - 1) / index));
    }

    function _hold(address account, address asset, int256 by) private {
        Balance storage held = userCollateral[account][asset];
        held.balance = uint128(uint256(int256(uint256(held.balance)) + by));
        uint8 offset = _offset(asset);
        UserBasic storage basic = userBasic[account];
        if (offset < 16) {
            uint16 bit = uint16(1) << offset;
            basic.assetsIn = held.balance > 0 ? basic.assetsIn | bit : basic.assetsIn & ~bit;
        } else {
            uint8 bit = uint8(1) << (offset - 16);
            basic._reserved = held.balance > 0 ? basic._reserved | bit : basic._reserved & ~bit;
        }
    }

    function _offset(address asset) private view returns (uint8) {
        for (uint8 i = 0; i < assets.length; i++) if (assets[i].asset == asset) return i;
        revert("no such asset");
    }

    function _in(UserBasic memory basic, uint8 i) private pure returns (bool) {
        return i < 16 ? basic.assetsIn & (uint16(1) << i) != 0 : basic._reserved & (uint8(1) << (i - 16)) != 0;
    }

    function _liquidity(address account, bool liquidating) private view returns (int256 liquidity) {
        UserBasic memory basic = userBasic[account];
        uint256 debt = uint256(uint104(-basic.principal)) * totals.baseBorrowIndex / INDEX;
        liquidity = -int256(debt * getPrice(baseTokenPriceFeed) / baseScale);
        for (uint8 i = 0; i < assets.length; i++) {
            if (!_in(basic, i)) continue;
            if (liquidity >= 0) return liquidity;
            AssetInfo memory one = assets[i];
            uint256 value = uint256(userCollateral[account][one.asset].balance) * getPrice(one.priceFeed) / one.scale;
            uint256 factor = liquidating ? one.liquidateCollateralFactor : one.borrowCollateralFactor;
            liquidity += int256(value * factor / FACTOR);
        }
    }

    function _absorb(address absorber, address account) private {
        if (!isLiquidatable(account)) revert NotLiquidatable();
        UserBasic memory basic = userBasic[account];
        uint256 basePrice = getPrice(baseTokenPriceFeed);
        uint256 delta = 0;
        for (uint8 i = 0; i < assets.length; i++) {
            if (!_in(basic, i)) continue;
            AssetInfo memory one = assets[i];
            uint128 seized = userCollateral[account][one.asset].balance;
            userCollateral[account][one.asset].balance = 0;
            totalsCollateral[one.asset].balance -= seized;
            uint256 value = uint256(seized) * getPrice(one.priceFeed) / one.scale;
            delta += value * one.liquidationFactor / FACTOR;
            emit AbsorbCollateral(absorber, account, one.asset, seized, value);
        }
        uint256 debt = uint256(uint104(-basic.principal)) * totals.baseBorrowIndex / INDEX;
        uint256 credit = delta * baseScale / basePrice;
        uint256 paid = credit > debt ? credit : debt;
        (userBasic[account].assetsIn, userBasic[account]._reserved) = (0, 0);
        uint256 more = _change(account, int256(paid));
        emit AbsorbDebt(absorber, account, paid, paid * basePrice / baseScale);
        if (more > 0) emit Transfer(address(0), account, more);
    }
}
