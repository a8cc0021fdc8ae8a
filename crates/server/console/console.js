// The console: reads a form, makes one call, shows the reply. Everything from the server is set as text, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);
const KEY = "shifu-key";

// ---- elements -------------------------------------------------------------------------------------------------------

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = String(text);
  if (className) element.className = className;
  return element;
}

function table(heads, rows) {
  const result = make("table"), head = make("tr");
  heads.forEach((text) => { const th = make("th", text); th.scope = "col"; head.append(th); });
  result.append(make("thead")), result.lastChild.append(head);
  const body = make("tbody");
  rows.forEach((cells) => {
    const row = make("tr");
    cells.forEach((cell) => row.append(cell instanceof Node ? cell : make("td", cell)));
    body.append(row);
  });
  result.append(body);
  return result;
}

const number = (text) => make("td", text, "number");
const percent = (p) => (p * 100).toFixed(1) + "%";
const lineNumbers = (lines) => "（第 " + lines.join("、") + " 句）";

// ---- calls ----------------------------------------------------------------------------------------------------------

async function call(method, path, body) {
  const headers = { "Accept-Language": "zh", Accept: "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = "Bearer " + key;
  if (body && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const response = await fetch(path, { method, headers, body });
  if (response.ok) return response;
  let message = "HTTP " + response.status;
  try {
    const { error } = await response.json();
    message = error.message + "（" + error.code + "，请求号 " + error.request_id + "）";
  } catch { /* the reply is not ours: a proxy's, perhaps */ }
  throw new Error(message);
}

// Runs `work` for a panel's form and shows its elements, or the error.
function onSubmit(panelId, work) {
  const panel = byId(panelId), form = panel.querySelector("form"), result = panel.querySelector(".result");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    result.replaceChildren(make("p", "处理中…", "soft"));
    try {
      result.replaceChildren(...await work(new FormData(form)));
    } catch (error) {
      const line = make("p", error.message, "bad");
      line.setAttribute("role", "alert");
      result.replaceChildren(line);
    } finally {
      button.disabled = false;
    }
  });
}

const filled = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""));

// ---- ask ------------------------------------------------------------------------------------------------------------

onSubmit("ask", async (form) => {
  const body = filled({ question: form.get("question"), model: form.get("model").trim(), product_line: form.get("product_line").trim() });
  const reply = await (await call("POST", "/v1/answers", body)).json();
  const shown = [make("p", reply.answer, "answer")];
  if (reply.refusal) {
    shown[0].classList.add("warn");
    if (reply.refusal.ask_for.length) shown.push(make("p", "请补充：" + reply.refusal.ask_for.join("；")));
  }
  reply.warnings.forEach((text) => shown.push(make("p", "⚠ " + text, "bad")));
  if (reply.citations.length) shown.push(make("h2", "出处"));
  reply.citations.forEach((cited) => {
    shown.push(make("div", "《" + cited.title + "》第 " + (cited.page_label || cited.page) + " 页　" + cited.section));
    shown.push(make("blockquote", cited.quote));
  });
  shown.push(make("p", "用时 " + reply.took_ms.toFixed(1) + " 毫秒", "soft"));
  return shown;
});

// ---- inspect --------------------------------------------------------------------------------------------------------

const VERDICTS = { pass: ["通过", "good"], review: ["需人工复核", "warn"], reject: ["不通过，请重拍或整改", "bad"], do_not_install: ["现场不具备安装条件", "bad"] };
const SEVERITIES = { critical: "严重", major: "较重", minor: "轻微" };

byId("photos").addEventListener("change", async (event) => {
  const rows = [...event.target.files].map((file, at) => {
    const row = make("div", null, "row"), label = make("label", "照片 " + (at + 1) + "：" + file.name + " 的检查点（可不填）");
    const input = make("input");
    input.id = "checkpoint-" + at;
    input.setAttribute("list", "checkpoints");
    label.htmlFor = input.id;
    const cell = make("div");
    cell.append(label, input);
    row.append(cell);
    return row;
  });
  byId("photo-list").replaceChildren(...rows);
  try {
    const standard = await (await call("GET", "/v1/standards/" + encodeURIComponent(byId("category").value))).json();
    byId("checkpoints").replaceChildren(...standard.checkpoints.map((one) => {
      const option = make("option", one.title);
      option.value = one.id;
      return option;
    }));
  } catch { /* only an administrator's key may list checkpoints; others type them */ }
});

async function overlay(inspectionId, position, caption) {
  try {
    const response = await call("GET", `/v1/inspections/${inspectionId}/photos/${position}/overlay.png`);
    const figure = make("figure"), image = make("img");
    image.src = URL.createObjectURL(await response.blob());
    image.alt = caption;
    figure.append(image, make("figcaption", caption));
    return figure;
  } catch { return null; }
}

// Photos of two folders may share a name; the number in front keeps them apart.
const partName = (file, at) => (at + 1) + "-" + file.name;

onSubmit("inspect", async (form) => {
  const files = [...byId("photos").files], body = new FormData();
  const ticket = { ticket_id: form.get("ticket_id"), category: form.get("category"), stage: form.get("stage") };
  const meta = files.map((file, at) => filled({ file: partName(file, at), source: "album", checkpoint: byId("checkpoint-" + at)?.value.trim() }));
  body.append("ticket", JSON.stringify(ticket));
  body.append("photos_meta", JSON.stringify(meta));
  files.forEach((file, at) => body.append("photos", file, partName(file, at)));
  const reply = await (await call("POST", "/v1/inspections", body)).json();
  const [word, tone] = VERDICTS[reply.verdict] || [reply.verdict, "warn"];
  const shown = [make("p", "结论：" + word, tone)];
  if (reply.missing_checkpoints.length) shown.push(make("p", "缺少：" + reply.missing_checkpoints.join("、"), "warn"));
  if (reply.findings.length) {
    shown.push(table(["照片", "检查点", "问题", "程度", "依据"], reply.findings.map((found) => [
      found.photo === undefined ? "—" : found.photo + 1, found.checkpoint || "—", found.kind, SEVERITIES[found.severity], found.evidence])));
  }
  const pictures = await Promise.all(files.map((file, at) => overlay(reply.inspection_id, at, "照片 " + (at + 1) + "：差异标记")));
  const gallery = make("div", null, "overlays");
  gallery.append(...pictures.filter(Boolean));
  shown.push(gallery, make("p", "用时 " + reply.took_ms.toFixed(0) + " 毫秒", "soft"));
  return shown;
});

// ---- predict --------------------------------------------------------------------------------------------------------

onSubmit("predict", async (form) => {
  const codes = form.get("codes").split(/[\s,，、]+/).filter(Boolean), cost = form.get("max_cost").trim();
  const body = filled({
    product_line: form.get("product_line"), model: form.get("model").trim(), text: form.get("text"),
    fault_codes: codes.length ? codes : undefined, limit: cost ? { max_cost: cost } : undefined,
  });
  const reply = await (await call("POST", "/v1/part-predictions", body)).json();
  const fix = reply.first_time_fix;
  const shown = [make("h2", "建议携带（合计 " + reply.kit_cost + " 元）")];
  shown.push(reply.kit.length
    ? table(["配件", "编号", "数量", "单价（元）", "用到的概率"], reply.kit.map((item) => [
      item.name, item.part_number, number(item.quantity), number(item.price), number(percent(item.probability_needed))]))
    : make("p", "按现有信息，不必预先携带配件。"));
  shown.push(make("p", `一次修好的概率：带上这些 ${percent(fix.with_kit)}，不带配件 ${percent(fix.without_parts)}，带齐所有配件 ${percent(fix.with_every_part)}`));
  shown.push(make("h2", "可能的原因"));
  shown.push(table(["原因", "概率", "区间", "依据"], reply.causes.slice(0, 8).map((cause) => [
    cause.name, number(percent(cause.probability)), number(cause.interval.map(percent).join(" – ")),
    cause.because.map((one) => typeof one === "string" ? one : (one.text || one.name || JSON.stringify(one))).join("；")])));
  if (reply.next_questions.length) {
    shown.push(make("h2", "建议先问"));
    const list = make("ol");
    reply.next_questions.forEach((question) => list.append(make("li", question.text)));
    shown.push(list);
  }
  return shown;
});

// ---- summarise ------------------------------------------------------------------------------------------------------

const SPEAKERS = [[/^(客户|用户|顾客|customer)\s*[:：]/i, "customer"], [/^(客服|坐席|agent)\s*[:：]/i, "agent"], [/^(师傅|技师|工程师|technician)\s*[:：]/i, "technician"]];
const FIELDS = { phenomenon: "故障现象", location: "部位", cause: "原因", action: "处理措施", parts: "更换配件", result: "结果", pending: "遗留问题",
  request: "客户诉求", warranty: "保修", fee: "费用", appointment: "预约" };

function parseDialogue(text) {
  return text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).map((line, at) => {
    const found = SPEAKERS.find(([pattern]) => pattern.test(line));
    if (!found) throw new Error("第 " + (at + 1) + " 行没有说话人：请以“客户：”“客服：”或“师傅：”开头");
    return { speaker: found[1], text: line.replace(found[0], "").trim() };
  });
}

const fieldText = (value) => Array.isArray(value)
  ? value.map((part) => part.name + (part.part_number ? "（" + part.part_number + "）" : "") + " × " + part.quantity).join("、") : value;

onSubmit("summarise", async (form) => {
  const body = { dialogue: parseDialogue(form.get("dialogue")), form: form.get("form") };
  const reply = await (await call("POST", "/v1/summaries", body)).json();
  const list = make("ul");
  reply.summary.forEach((line) => {
    const item = make("li", line.text + " ");
    item.append(make("span", lineNumbers(line.lines), "soft"));
    list.append(item);
  });
  const fields = Object.entries(FIELDS).filter(([name]) => reply.fields[name]).map(([name, title]) => {
    const field = reply.fields[name];
    return [title, fieldText(field.value), lineNumbers(field.lines), number(percent(field.confidence))];
  });
  return [make("h2", "小结"), list, make("h2", "要点"), table(["项目", "内容", "依据", "把握"], fields)];
});

// ---- key and tabs ---------------------------------------------------------------------------------------------------

function showKey() {
  byId("key-state").textContent = sessionStorage.getItem(KEY) ? "已设置（关闭标签页即清除）" : "未设置";
}
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (byId("key").value.trim()) sessionStorage.setItem(KEY, byId("key").value.trim());
  byId("key").value = "";
  showKey();
});
byId("forget").addEventListener("click", () => { sessionStorage.removeItem(KEY); showKey(); });
showKey();

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  tabs.forEach((one) => {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    byId(one.getAttribute("aria-controls")).hidden = !chosen;
  });
}
tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
});
const wanted = tabs.find((tab) => "#" + tab.getAttribute("aria-controls") === location.hash);
if (wanted) choose(wanted);
