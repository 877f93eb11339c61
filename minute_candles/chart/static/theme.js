/* The colour scheme, before anything is painted: the user's switch, else the system's. */
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement.dataset;
  const kept = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const show = () => { root.theme = root.chosen === "auto" ? (system.matches ? "dark" : "light") : root.chosen; };
  root.chosen = ["light", "dark"].includes(kept() ?? "") ? /** @type {string} */ (kept()) : "auto";
  system.addEventListener("change", () => { show(); dispatchEvent(new Event("themechange")); });
  show();
})();
