// A slider over charts that were drawn beforehand: moving it swaps plotly's figure in place and asks no kernel.
// `Plotly` stands above this module, put there by chart.py.

/** The position for a wish that may lie outside. */
export const within = (index, count) => Math.min(Math.max(0, index), count - 1);

const element = (name, className, parent) => {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
};

function mountChart({ model, el }) {
  const root = element("div", "sl-chart", el);
  root.dataset.theme = model.get("theme");
  const label = element("label", "sl-chart-knob", root);
  const name = element("span", "sl-chart-name", label);
  const input = element("input", "sl-chart-slider", label);
  const output = element("output", "sl-chart-value", label);
  const plot = element("div", "sl-chart-plot", root);
  const labels = model.get("labels");
  name.textContent = model.get("knob");
  input.type = "range";
  input.min = "0";
  input.max = String(labels.length - 1);
  input.step = "1";

  const draw = () => {
    const index = within(model.get("index"), labels.length);
    const { data, layout } = model.get("frames")[index];
    input.value = String(index);
    input.setAttribute("aria-valuetext", labels[index]);
    output.textContent = labels[index];
    return Plotly.react(plot, structuredClone(data), structuredClone(layout), model.get("config"));
  };
  const onInput = () => {
    model.set("index", Number(input.value));
    model.save_changes();
    draw();
  };
  const onIndex = () => {
    if (Number(input.value) !== model.get("index")) draw();
  };
  input.addEventListener("input", onInput);
  model.on("change:index", onIndex);
  draw();
  return () => {
    model.off("change:index", onIndex);
    input.removeEventListener("input", onInput);
    Plotly.purge(plot);
    root.remove();
  };
}

export default { render: mountChart };
