"use strict";

const $ = (id) => document.getElementById(id);

let server = null; // what /health says
let tabs = []; // {key, title(words), texts, path, body(texts), show(texts, results, words)}
let chosen = 0;
let language = navigator.language.startsWith("zh") ? "zh" : "en";
const typed = new Map(); // texts of the tabs that are not shown
const tried = new Map(); // how many examples of a tab were shown

function tabsOf(server) {
  const made = [];
  if (server.fill_mask) {
    made.push({
      key: "fill",
      title: (words) => words.fillMask,
      labels: (words) => [words.firstFill],
      path: "fill-mask",
      body: ([text]) => ({ texts: [text], top_k: 8 }),
      show: ([text], [answer], words) => filledMasks(text, answer, words),
    });
  }
  for (const task of server.predict) {
    const pair = task.kind === "span_reading" ? ["question", "passage"] : ["first", "second"];
    made.push({
      key: task.kind in EXAMPLES ? task.kind : task.texts === 2 ? "two" : "one",
      title: () => task.name,
      labels: (words) => pair.slice(0, task.texts).map((name) => words[name]),
      path: "predict",
      body: ([first, second]) =>
        task.texts === 2
          ? { texts: [first], second_texts: [second], task: task.name }
          : { texts: [first], task: task.name },
      show: (texts, [answer], words) => prediction(texts, answer, words),
    });
  }
  made.push({
    key: "embed",
    title: (words) => words.embed,
    labels: (words) => [words.firstEmbed, words.secondEmbed],
    path: "embed",
    body: (texts) => ({ texts: texts.filter((text) => text.trim()) }),
    show: (texts, results, words) => vectors(results, words),
  });
  return made;
}

function draw() {
  const words = WORDS[language];
  const tab = tabs[chosen];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  $("language").textContent = words.other;
  $("ask").textContent = words.ask;
  $("mask").textContent = words.mask;
  $("footer").textContent = words.footer;
  if (!tab) return;
  $("mask").hidden = tab.key !== "fill";
  $("tabs").hidden = tabs.length < 2;
  $("tabs").replaceChildren(
    ...tabs.map((each, index) => {
      const button = element("button", each.title(words));
      button.type = "button";
      button.setAttribute("role", "tab");
      button.setAttribute("aria-selected", index === chosen);
      button.addEventListener("click", () => choose(index));
      return button;
    }),
  );
  const labels = tab.labels(words);
  $("first-label").textContent = labels[0];
  $("second-label").textContent = labels[1] ?? "";
  $("second-row").hidden = labels.length < 2;
  const example = element("button", words.example, "quiet");
  example.type = "button";
  example.addEventListener("click", () => {
    tryExample();
    ask();
  });
  $("examples").replaceChildren(example);
  count();
}

function choose(index) {
  typed.set(chosen, [$("first").value, $("second").value]);
  chosen = index;
  forget();
  const texts = typed.get(chosen);
  if (texts) [$("first").value, $("second").value] = texts;
  else tryExample();
  draw();
}

function tryExample() {
  const examples = EXAMPLES[tabs[chosen].key];
  const number = tried.get(chosen) ?? 0;
  tried.set(chosen, number + 1);
  const [first, second] = examples[number % examples.length];
  $("first").value = first;
  $("second").value = second ?? "";
  count();
}

function count() {
  const words = WORDS[language];
  $("count").textContent = `${Array.from($("first").value).length} / ${server.limits.characters} ${words.characters}`;
}

function forget() {
  $("problem").hidden = true;
  $("answer").replaceChildren();
}

function complain(sentence) {
  $("problem").textContent = sentence;
  $("problem").hidden = false;
}

/** The JSON of an answer; an Error with the server's sentence for any other status than 200. */
async function fetchJson(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(WORDS[language].unreachable);
  }
  const answer = await response.json().catch(() => ({ error: `${response.status} ${response.statusText}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function ask() {
  const tab = tabs[chosen];
  const texts = [$("first").value, $("second").value];
  $("ask").disabled = true;
  $("answer").classList.add("old");
  $("problem").hidden = true;
  try {
    const { results } = await fetchJson(tab.path, tab.body(texts));
    if (tab === tabs[chosen]) $("answer").replaceChildren(...tab.show(texts, results, WORDS[language]));
  } catch (error) {
    $("answer").replaceChildren();
    complain(error.message);
  }
  $("answer").classList.remove("old");
  $("ask").disabled = false;
}

function insertMask() {
  const area = $("first");
  area.setRangeText("[MASK]", area.selectionStart, area.selectionEnd, "end");
  area.focus();
  count();
}

async function start() {
  draw();
  try {
    server = await (await fetch("health")).json();
  } catch {
    complain(WORDS[language].unreachable);
    return;
  }
  if (!server.ready) complain(WORDS[language].warming);
  $("model").textContent = server.model;
  document.title = `rfv2 · ${server.model}`;
  tabs = tabsOf(server);
  tryExample();
  draw();
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
$("first").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault(); // Shift+Enter is a new line
    ask();
  }
});
$("first").addEventListener("input", count);
$("mask").addEventListener("click", insertMask);
$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  draw();
  if ($("answer").hasChildNodes()) ask(); // in the other language
});
start();
