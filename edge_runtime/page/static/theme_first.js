// Before the first paint, so that a page in the dark theme never flashes white. All else is in modules.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem("ferrogate-theme");
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // storage is switched off: the system's theme holds
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
