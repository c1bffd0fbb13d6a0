// One key an answer: presses the button that names the key. Without this file the buttons work as well.
"use strict";
const keys = document.getElementById("keys");
if (keys) {
  keys.checked = sessionStorage.getItem("keys") !== "off";
  keys.addEventListener("change", () => sessionStorage.setItem("keys", keys.checked ? "on" : "off"));
  let sent = false;
  document.addEventListener("keydown", (event) => {
    if (sent || !keys.checked || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    // the row of digits needs Shift on some keyboards, such as French ones
    const wanted = event.code.startsWith("Digit") ? event.code.slice(-1) : event.key.toLowerCase();
    const button = [...document.querySelectorAll("button[data-key]")].find((each) => each.dataset.key === wanted);
    if (!button) return;
    event.preventDefault();
    sent = true; // one key, one answer: the next one waits for the next text
    button.click();
  });
  window.addEventListener("pageshow", () => { sent = false; });
}
