// Says beside each percentage how many buckets it is: as `buckets_of` in gateway/routing/buckets.py does.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const written = new Intl.NumberFormat("en-GB");

  for (const input of document.querySelectorAll("input[data-buckets]")) {
    const all = Number(input.dataset.buckets);
    const said = document.createElement("output");
    said.className = "block mt-2 text-xs font-medium";
    said.htmlFor = input.id;
    input.after(said);

    const say = () => {
      const percent = Number(input.value);
      if (input.value === "" || Number.isNaN(percent) || percent < 0 || percent > 100) {
        said.textContent = "";
        return;
      }
      const nearest = Math.round((percent * all) / 100);
      const buckets = percent === 0 || percent === 100 ? nearest : Math.min(Math.max(nearest, 1), all - 1);
      said.textContent = `= ${written.format(buckets)} of ${written.format(all)} buckets`;
    };
    input.addEventListener("input", say);
    say();
  }
});
