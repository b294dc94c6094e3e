// Comforts of the documentation page; all of its text is there without them.
"use strict";

// Find an endpoint by any word of its method, address or summary.
const contents = document.querySelector("nav");
const entries = [...contents.querySelectorAll("li[data-words]")];
const search = document.createElement("input");
search.type = "search";
search.placeholder = "Find an endpoint";
search.setAttribute("aria-label", "Find an endpoint");
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/);
  for (const entry of entries) {
    entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
  }
});
contents.querySelector(".brand").after(search);

// Copy a command.
for (const block of document.querySelectorAll(".command")) {
  const text = block.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.append(button);
}
