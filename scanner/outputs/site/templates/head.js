// Before anything is drawn: the theme, and whether the scan is old by this reader's clock.
(function (root) {
  root.classList.add("js");
  try {
    var theme = localStorage.getItem("bandscan-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {}
  if (Date.now() / 1000 - root.dataset.block > root.dataset.stale * 3600) root.classList.add("stale");
})(document.documentElement);
