// The card that a viewer sees: counts down, then takes it out of the page. Keeps and sends nothing.
"use strict";
(() => {
  const card = document.getElementById("card");
  const seconds = document.getElementById("seconds");
  const button = document.getElementById("hide");
  const end = performance.now() + Number(card.dataset.seconds) * 1000;
  let beat = 0;
  const hide = () => {
    clearInterval(beat);
    card.remove();
    button.remove();
    document.getElementById("hidden").hidden = false;
  };
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    seconds.textContent = String(Math.max(left, 0));
    if (left <= 0) hide();
  };
  beat = setInterval(tick, 250);
  button.addEventListener("click", (event) => {
    event.preventDefault();
    hide();
  });
  // A browser that keeps pages for its back button keeps this one without the card.
  addEventListener("pagehide", hide);
  if (!("copy" in card.dataset)) {
    for (const kind of ["copy", "cut", "contextmenu", "dragstart", "selectstart"]) {
      document.addEventListener(kind, (event) => event.preventDefault());
    }
  }
})();
