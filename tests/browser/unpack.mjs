// Unpacks the Chromium of @sparticuz/chromium, its fonts and its libraries into the temporary folder.

process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs20.x"; // or it leaves the libraries packed
const { default: chromium } = await import("@sparticuz/chromium");
await chromium.executablePath();
