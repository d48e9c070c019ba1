"use strict";

// From answers of the server to elements. Text of answers is only ever set as text, never as HTML.

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A list of [name, share between 0 and 1] as bars. */
function bars(pairs) {
  const list = element("dl", undefined, "bars");
  for (const [name, share] of pairs) {
    const bar = element("progress");
    bar.max = 1;
    bar.value = share;
    bar.setAttribute("aria-label", name);
    const cell = element("dd");
    cell.append(bar);
    const percent = share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
    list.append(element("dt", name), cell, element("dd", percent, "share"));
  }
  return list;
}

function filledMasks(text, answer, words) {
  const parts = text.split("[MASK]");
  const line = element("p", undefined, "text");
  const lists = [];
  answer.masks.forEach((mask, index) => {
    const candidates = mask.candidates.map((c) => [c.token, c.probability]);
    line.append(parts[index], element("mark", mask.candidates[0].token.replace(/^##/, ""), "filled"));
    if (answer.masks.length > 1) lists.push(element("h2", `${words.filled} ${index + 1}`));
    lists.push(bars(candidates));
  });
  line.append(parts[parts.length - 1]);
  return [line, ...lists];
}

/** The places of characters in the answers count code points, those of JavaScript 16-bit units. */
function markedSpans(text, spans) {
  const characters = Array.from(text);
  const line = element("p", undefined, "text");
  let end = 0;
  for (const span of spans) {
    if (span.start < end) continue; // lies within the one before; the list below names it
    line.append(characters.slice(end, span.start).join(""));
    const mark = element("mark", characters.slice(span.start, span.end).join(""));
    if (span.label) mark.append(element("small", span.label));
    line.append(mark);
    end = span.end;
  }
  line.append(characters.slice(end).join(""));
  return line;
}

function entities(text, answer, words) {
  if (!answer.entities.length) return [element("p", words.noEntities)];
  const list = element("dl", undefined, "bars");
  for (const entity of answer.entities) {
    list.append(element("dt", entity.text), element("dd", entity.label, "faint"), element("dd"));
  }
  return [markedSpans(text, answer.entities), list];
}

function vectors(results, words) {
  const [first, second] = results;
  const head = first.slice(0, 8).map((x) => x.toFixed(4)).join("  ");
  const shown = [element("pre", `${first.length} ${words.dimension}\n${head} …`)];
  if (second) {
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    const cosine = dot(first, second) / Math.sqrt(dot(first, first) * dot(second, second));
    const line = element("p", `${words.similarity} `, "text");
    line.append(element("mark", cosine.toFixed(4), "filled"));
    shown.unshift(line);
  }
  return shown;
}

/** What a fine-tuned model says; each kind of task has its own form of answer. */
function prediction(texts, answer, words) {
  if (answer.entities) return entities(texts[0], answer, words);
  if (answer.labels) {
    if (!answer.labels.length) return [element("p", words.noLabels)];
    return [bars(answer.labels.map((label, i) => [label, answer.probabilities[i]]))];
  }
  if (answer.label !== undefined) return [bars([[answer.label, answer.probability]])];
  if (answer.score !== undefined) return [element("p", `${words.score} ${answer.score}`, "text")];
  if (answer.answer !== undefined) {
    if (!answer.answer) return [element("p", words.noAnswer)];
    const start = answer.start;
    return [markedSpans(texts[1], [{ start, end: start + Array.from(answer.answer).length }])];
  }
  return [element("pre", JSON.stringify(answer, null, 2))];
}
