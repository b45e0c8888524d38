// Sends the form that leads to the guest's bank, once the page is there. Keeps nothing.
"use strict";
document.getElementById("bank").submit();
