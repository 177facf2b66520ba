// What makes the page live and quick by the keyboard. All of it can be read without.

const live = document.getElementById("live");
const state = document.getElementById("state");
const rows = () => [...document.querySelectorAll("tr[data-row]")];
const WAIT_MILLISECONDS = 500;

let isPaused = false;
let pointed = -1;
let isLoading = false;
let isStale = false;

// -- live changes

async function reload() {
  if (isPaused || document.hidden || isBusy()) {
    isStale = true;
    return;
  }
  if (isLoading) {
    isStale = true;
    return;
  }
  isLoading = true;
  isStale = false;
  try {
    const response = await fetch(location.href);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh && !isBusy()) {
      replace(fresh);
    }
  } finally {
    setTimeout(() => {
      isLoading = false;
      if (isStale) {
        reload();
      }
    }, WAIT_MILLISECONDS);
  }
}

// Somebody writes in a field, has marked a text, or has opened something: leave it alone.
function isBusy() {
  const active = document.activeElement;
  const isWriting = active && live.contains(active) && /^(INPUT|SELECT)$/.test(active.tagName);
  const hasMarked = String(document.getSelection()).length > 0;
  return isWriting || hasMarked;
}

function replace(fresh) {
  const focused = document.activeElement?.closest("#live a")?.getAttribute("href");
  const opened = [...live.querySelectorAll("details")].map((each) => each.open);
  const call = live.querySelector(".call");
  const scrolled = call ? call.scrollTop : 0;
  live.replaceChildren(...fresh.childNodes);
  live.querySelectorAll("details").forEach((each, index) => {
    if (opened[index] !== undefined) {
      each.open = opened[index];
    }
  });
  if (call && live.querySelector(".call")) {
    live.querySelector(".call").scrollTop = scrolled;
  }
  if (focused) {
    live.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  point(pointed, false);
  showCopyButtons();
}

function listen() {
  let version = null;
  const source = new EventSource("/changes");
  source.onopen = () => say(isPaused ? "paused" : "live");
  source.onerror = () => say("not connected");
  source.onmessage = (event) => {
    if (version !== null && version !== event.data) {
      reload();
    }
    version = event.data;
  };
  document.addEventListener("visibilitychange", () => isStale && reload());
}

function say(text) {
  state.textContent = text;
}

// -- keys

function point(index, scroll = true) {
  const all = rows();
  all.forEach((row) => row.classList.remove("pointed"));
  if (index < 0 || all.length === 0) {
    return;
  }
  pointed = Math.min(index, all.length - 1);
  all[pointed].classList.add("pointed");
  if (scroll) {
    all[pointed].scrollIntoView({ block: "nearest" });
    all[pointed].querySelector("a")?.focus({ preventScroll: true });
  }
}

function chosen() {
  return rows().findIndex((row) => row.classList.contains("chosen"));
}

const KEYS = {
  j: () => point((pointed < 0 ? chosen() : pointed) + 1),
  k: () => point(Math.max(0, (pointed < 0 ? chosen() : pointed) - 1)),
  u: () => location.assign("/"),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => document.getElementById("keys").showModal(),
  p: () => {
    isPaused = !isPaused;
    say(isPaused ? "paused" : "live");
    if (!isPaused && isStale) {
      reload();
    }
  },
};

document.addEventListener("keydown", (event) => {
  const isWriting = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape" && isWriting) {
    event.target.blur();
    return;
  }
  if (isWriting || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) {
    return;
  }
  event.preventDefault();
  KEYS[event.key]();
});

// -- the rest

function showCopyButtons() {
  document.querySelectorAll(".copy").forEach((button) => (button.hidden = false));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) {
    navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  }
});

const help = document.getElementById("help");
help.hidden = false;
help.addEventListener("click", KEYS["?"]);
showCopyButtons();
listen();
