// The card page: spaces in the number, the brand, and what is wrong while a guest types. The page works
// without it, and the server checks everything again. Nothing is stored or sent by it.
"use strict";
(() => {
  const form = document.getElementById("capture");
  const said = form.dataset;
  const field = (name) => form.elements.namedItem(name);
  const digits = (input) => input.value.replace(/\D/g, "");
  const brands = [
    ["amex", /^3[47]/], ["diners", /^3(0|6|8|9)/], ["jcb", /^35/], ["visa", /^4/], ["mir", /^220[0-4]/],
    ["mastercard", /^(5[1-5]|2[2-7])/], ["discover", /^6(011|4[4-9]|5)/], ["unionpay", /^(62|81)/],
    ["maestro", /^(50|5[6-8]|6)/],
  ];
  const names = { amex: "American Express", jcb: "JCB", unionpay: "UnionPay" };
  const brandOf = (number) => (brands.find(([, starts]) => starts.test(number)) || [""])[0];
  const brand = () => (field("number") ? brandOf(digits(field("number"))) : said.brand);

  const luhn = (number) => {
    let sum = 0;
    for (let place = 0; place < number.length; place += 1) {
      const digit = Number(number[number.length - 1 - place]) * (place % 2 ? 2 : 1);
      sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 === 0;
  };

  // Each gives what is wrong, in the page's words; "" where nothing is.
  const checks = {
    number: (input) => {
      const number = digits(input);
      if (!number) return said.numberMissing;
      return number.length >= 12 && number.length <= 19 && luhn(number) ? "" : said.number;
    },
    expiry: (input) => {
      const match = /^(\d{1,2})\s*[/.-]?\s*(\d{2}|20\d{2})$/.exec(input.value.trim());
      if (!match || match[1] < 1 || match[1] > 12) return said.expiry;
      const now = new Date(Date.now() - 12 * 3600 * 1000);
      const year = match[2].length === 2 ? 2000 + Number(match[2]) : Number(match[2]);
      if (year > now.getFullYear() + 20) return said.expiry;
      const past = year * 12 + Number(match[1]) < now.getFullYear() * 12 + now.getMonth() + 1;
      return past ? said.expiryPast : "";
    },
    security_code: (input) => {
      const amex = brand() === "amex";
      const fits = new RegExp(brand() ? (amex ? "^\\d{4}$" : "^\\d{3}$") : "^\\d{3,4}$").test(input.value.trim());
      return fits ? "" : (amex ? said.codeAmex : said.code);
    },
    country_code: (input) => (input.value ? "" : said.countryCode),
  };
  const missing = { holder: said.holder, given_name: said.givenName, family_name: said.familyName, line_1: said["line-1"], city: said.city };
  if (said.postalCode) missing.postal_code = said.postalCode;
  for (const name of Object.keys(missing)) {
    checks[name] = (input) => (input.value.trim() ? "" : missing[name]);
  }

  const tell = (input, wrong) => {
    document.getElementById(input.name + "-wrong").textContent = wrong;
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const check = (input) => {
    const wrong = checks[input.name] ? checks[input.name](input) : "";
    tell(input, wrong);
    return !wrong;
  };

  // Spaces go where the card has them; the caret stays behind the digit that it stood behind.
  const space = (input) => {
    const before = input.value.slice(0, input.selectionStart).replace(/\D/g, "").length;
    const number = digits(input).slice(0, 19);
    const groups = brandOf(number) === "amex" ? /^(\d{0,4})(\d{0,6})(\d{0,5})/ : /(\d{1,4})/g;
    const parts = brandOf(number) === "amex" ? groups.exec(number).slice(1) : number.match(groups) || [];
    input.value = parts.filter(Boolean).join(" ");
    let caret = 0;
    for (let seen = 0; seen < before && caret < input.value.length; caret += 1) {
      if (input.value[caret] !== " ") seen += 1;
    }
    input.setSelectionRange(caret, caret);
    const found = brandOf(number);
    document.getElementById("brand").textContent = names[found] || found.charAt(0).toUpperCase() + found.slice(1);
    const hint = document.getElementById("security_code-hint");
    if (hint) hint.textContent = found === "amex" ? said.hintAmex : said.hint;
  };
  const slash = (input, event) => {
    if (event.inputType && event.inputType.startsWith("delete")) return;
    const number = digits(input);
    if (/^[2-9]$/.test(number)) input.value = "0" + number + "/";
    else if (/^\d{2,}$/.test(input.value)) input.value = number.slice(0, 2) + "/" + number.slice(2, 6);
  };

  // While the button is pressed no line appears above it: it would move away from under the finger.
  const button = form.querySelector("button");
  let pressed = false;
  button.addEventListener("pointerdown", () => { pressed = true; });
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => { pressed = false; });

  const inputs = [...form.elements].filter((input) => document.getElementById(input.name + "-wrong"));
  for (const input of inputs) {
    input.addEventListener("input", (event) => {
      if (input.name === "number") space(input);
      if (input.name === "expiry") slash(input, event);
      const full = input.name === "number" && digits(input).length >= 16;
      if (full || input.hasAttribute("aria-invalid")) check(input);
    });
    input.addEventListener("blur", () => {
      if (input.value && !pressed) check(input);
    });
  }
  form.addEventListener("submit", (event) => {
    const wrong = inputs.filter((input) => !check(input));
    if (wrong.length) {
      event.preventDefault();
      wrong[0].focus();
      return;
    }
    button.disabled = true;
    button.textContent = said.sending;
  });
  // Back from the cache a browser would show the number again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) form.reset();
  });

  const country = field("country_code");
  if (country && window.Intl && Intl.DisplayNames) {
    const called = new Intl.DisplayNames([document.documentElement.lang], { type: "region" });
    const chosen = country.value;
    const options = [...country.options].slice(1);
    for (const option of options) {
      option.value = option.text.trim();
      option.text = called.of(option.value);
    }
    options.sort((one, other) => one.text.localeCompare(other.text));
    country.append(...options);
    country.value = chosen.trim();
  }
})();
