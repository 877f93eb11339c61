/* The colour scheme, before anything is painted: the user's switch, else the system's. */
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const show = () => { document.documentElement.dataset.theme = chosen() ?? (system.matches ? "dark" : "light"); };
  system.addEventListener("change", () => { show(); dispatchEvent(new Event("themechange")); });
  show();
})();
