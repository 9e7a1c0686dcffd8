// What people have done, newest first.

import { eventRow } from "./eventrow.js";
import { head, Pages, Search } from "./explorer.js";
import { link } from "./route.js";
import { element } from "./view.js";

export class ActivityPage {
  title = "Activity";

  constructor(context) {
    this.search = new Search("activity",
      [{ name: "principal", label: "Done by", hint: "user:…" }, { name: "account", label: "Account" },
       { name: "reads", label: "Show", options: [["", "What was done"], ["true", "Who read personal data"]] }], "Activity");
    this.pages = new Pages(context, { item: (event) => eventRow(event), empty: "Nobody has done anything like it.", label: "What people did, newest first" });
    this.node = element(
      "article", {}, head("activity", "Activity"), element("section", { class: "card" }, this.search.form),
      element("section", { class: "card", "aria-labelledby": "activity-title" },
        element("div", { class: "card-head" }, element("h2", { id: "activity-title" }, "What people did, newest first"), this.pages.status), this.pages.node));
  }

  async open({ query }) {
    const wanted = this.search.fill(query);
    await this.pages.show("/api/v1/activity", { ...wanted, after: query.after, limit: 50 },
      { next: (after) => link("activity", null, { ...wanted, after }) });
  }
}
