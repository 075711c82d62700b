// Small things that the theme and the widget manager leave to the page.
(() => {
  // A slider's handle says what it moves: the label that stands before it.
  const nameSliders = () => {
    for (const handle of document.querySelectorAll(".noUi-handle:not([aria-label])")) {
      const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label");
      if (label?.textContent) handle.setAttribute("aria-label", label.textContent.trim());
    }
  };
  new MutationObserver(nameSliders).observe(document.body, { childList: true, subtree: true });

  // Paper can't be unfolded: print answers open, but leave what gives an exercise away folded.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")].filter((d) => !d.closest(".tag_solution, .tag_self-check"));
    opened.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((d) => { d.open = false; }));
})();
