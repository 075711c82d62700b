// A quiz that is answered, marked and explained in the page itself. Nothing is sent anywhere.

/** How many answered questions are right: `choices` holds an option's index, or null. */
export function score(questions, choices) {
  const answered = choices.filter((choice) => choice !== null).length;
  const right = questions.filter((question, index) => choices[index] === question.answer).length;
  return { right, answered, total: questions.length };
}

export function scoreText({ right, answered, total }) {
  if (answered === 0) return `${total} ${total === 1 ? "question" : "questions"}, none answered yet.`;
  if (answered < total) return `${right} right out of ${answered} answered, ${total - answered} to go.`;
  return `Finished: ${right} of ${total} right.`;
}

/** What is said once an option is chosen. */
export function verdict(question, choice) {
  if (choice === question.answer) return "Right.";
  return `Not this one. The answer is: ${question.options[question.answer]}.`;
}

/** Split text at `backticks` into [text, isCode] pieces. */
export function pieces(text) {
  return text.split("`").map((piece, index) => [piece, index % 2 === 1]).filter(([piece]) => piece);
}

const rich = (text) => pieces(text).map(([piece, isCode]) => (isCode ? element("code", {}, piece) : piece));

function optionRow(group, text, index) {
  const input = element("input", { type: "radio", name: group, value: index });
  return element("label", { class: "pn-option" }, input, element("span", {}, rich(text)), element("em"));
}

/** Close a question: mark the right and the chosen option in words, and say why. */
function reveal(question, choice, rows, feedback) {
  rows.forEach((row, index) => {
    row.querySelector("input").disabled = true;
    const mark = index === question.answer ? "right answer" : index === choice ? "your choice" : "";
    row.querySelector("em").textContent = mark;
    row.classList.toggle("pn-is-right", index === question.answer);
    row.classList.toggle("pn-is-wrong", index === choice && index !== question.answer);
  });
  feedback.replaceChildren(element("strong", {}, rich(verdict(question, choice))), " ", ...rich(question.why));
  feedback.hidden = false;
  feedback.focus({ preventScroll: true });
}

function questionView(question, number, onAnswer) {
  const group = newId("question");
  const rows = question.options.map((text, index) => optionRow(group, text, index));
  const feedback = element("p", { class: "pn-feedback", tabindex: "-1", hidden: true });
  const button = element("button", { type: "submit", class: "pn-primary", disabled: true }, "Check");
  const legend = element("legend", {}, element("b", {}, `${number}. `), rich(question.prompt));
  const form = element("form", {}, element("fieldset", {}, legend, rows), button, feedback);
  form.addEventListener("change", () => (button.disabled = false));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const choice = Number(new FormData(form).get(group));
    button.hidden = true;
    reveal(question, choice, rows, feedback);
    onAnswer(choice);
  });
  return form;
}

function render({ model, el }) {
  const questions = model.get("questions");
  const root = card(el, model.get("title"), "Choose an answer, then check it. Nothing leaves this page.");
  const status = voice();
  const again = element("button", { type: "button", hidden: true, onclick: () => start(true) }, "Start again");
  const list = element("div", { class: "pn-stack" });
  root.append(list, element("div", { class: "pn-row pn-score" }, status, again));

  function start(moveFocus) {
    const choices = questions.map(() => null);
    const update = () => {
      const result = score(questions, choices);
      status.textContent = scoreText(result);
      again.hidden = result.answered < result.total;
    };
    const answer = (index) => (choice) => {
      choices[index] = choice;
      update();
    };
    list.replaceChildren(...questions.map((question, index) => questionView(question, index + 1, answer(index))));
    update();
    if (moveFocus) list.querySelector("input").focus();
  }
  start(false);
}

export default { render };
