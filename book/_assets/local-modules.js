// What the Jupyter widget manager needs to know about this book; runs after require.js and before the manager.
(() => {
  // The modules are here, from whatever page they are asked for, also from file://. The manager brings the
  // @jupyter-widgets modules itself; their folder tells it where its fonts are.
  const root = document.documentElement.dataset.content_root || "./";
  const folder = new URL(`${root}_static/vendor/widgets`, document.baseURI).href;
  const paths = { anywidget: `${folder}/anywidget`, "@jupyter-widgets/html-manager/dist": folder };
  for (const name of ["base", "controls", "html-manager"]) paths[`@jupyter-widgets/${name}`] = `${folder}/${name}`;
  requirejs.config({ paths });

  // The manager typesets labels through MathJax 2's queue; the pages have MathJax 3.
  addEventListener("load", () => {
    const math = window.MathJax;
    if (math && !math.Hub) {
      math.Hub = { Queue: ([, , element]) => math.startup.promise.then(() => math.typesetPromise([element])) };
    }
  });
})();
