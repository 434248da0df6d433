"use strict";
// Brings the page up to date every half a minute, and leaves open what is open.
(function () {
  function keep(old, fresh) {
    old.querySelectorAll("details[open][data-key]").forEach(function (one) {
      var same = fresh.querySelector('details[data-key="' + CSS.escape(one.dataset.key) + '"]');
      if (same) { same.open = true; }
    });
  }
  function update() {
    var active = document.activeElement;
    var busy = active && active !== document.body && active.closest("form, details");
    if (document.hidden || busy || document.querySelector("iframe:hover")) { return; }
    fetch(location.href, { credentials: "same-origin" }).then(function (answer) {
      return answer.ok ? answer.text() : null;
    }).then(function (text) {
      if (!text) { return; }
      var fresh = new DOMParser().parseFromString(text, "text/html");
      ["header", "main"].forEach(function (name) {
        var old = document.querySelector(name), next = fresh.querySelector(name);
        if (!old || !next) { return; }
        keep(old, next);
        if (old.querySelector("details[open] iframe")) { return; }
        old.replaceWith(document.adoptNode(next));
      });
      document.title = fresh.title;
    }).catch(function () { /* the next time, then */ });
  }
  // The demo's link: signs in by what is behind its #, which no server and no log ever sees.
  var token = /^#token=([0-9A-Za-z_-]+)$/.exec(location.hash);
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
    var field = document.querySelector("form[action='/login'] input[name=token]");
    if (field) { field.value = token[1]; field.form.submit(); }
  }
  setInterval(update, 30000);
})();
