import { execFile } from "node:child_process";
import * as vscode from "vscode";
import { ExecuteCommandRequest, LanguageClient, LanguageClientOptions, ServerOptions } from "vscode-languageclient/node";

const install = "https://github.com/manilint/manilint#install";
// The scheme of documents that the server writes and nobody saves.
const scheme = "manilint";

let client: LanguageClient | undefined;
let texts: Texts;

// Texts holds what read-only documents show, by address.
class Texts implements vscode.TextDocumentContentProvider {
  private readonly held = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.held.get(uri.toString()) ?? "";
  }

  async show(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme, path: "/" + name });
    this.held.set(uri.toString(), text);
    this.changed.fire(uri);
    if (name.endsWith(".md")) {
      await vscode.commands.executeCommand("markdown.showPreview", uri);
      return;
    }
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true, viewColumn: vscode.ViewColumn.Beside });
  }
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  texts = new Texts();
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(scheme, texts),
    vscode.commands.registerCommand("manilint.restart", restart),
    vscode.commands.registerCommand("manilint.showRendering", showRendering),
    vscode.commands.registerCommand("manilint.openRule", openRule),
    vscode.commands.registerCommand("manilint.fixAll", fixAll),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("manilint.path") || change.affectsConfiguration("manilint.arguments")) {
        await restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function restart(): Promise<void> {
  const old = client;
  client = undefined;
  await old?.dispose();
  await start();
}

// start runs the server, or says why it cannot be run.
async function start(): Promise<void> {
  const settings = vscode.workspace.getConfiguration("manilint");
  const program = settings.get<string>("path") || "manilint";
  const problem = await probe(program);
  if (problem !== undefined) {
    const settingsAction = "Open the Settings", installAction = "How to Install It";
    void vscode.window
      .showErrorMessage(`manilint is not running: ${problem}. Install it, or set manilint.path to where it is.`, settingsAction, installAction)
      .then((chosen) => {
        if (chosen === settingsAction) {
          return vscode.commands.executeCommand("workbench.action.openSettings", "manilint.path");
        }
        return chosen === installAction ? vscode.env.openExternal(vscode.Uri.parse(install)) : undefined;
      });
    return;
  }
  const server: ServerOptions = { command: program, args: ["lsp", ...(settings.get<string[]>("arguments") ?? [])] };
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "yaml" },
      { scheme: "file", language: "helm" },
      { scheme: "file", pattern: "**/*.{tpl,gotmpl}" },
    ],
    middleware: {
      // what a command of the server answers is a page to read
      executeCommand: async (command, args, next) => {
        const answer: unknown = await next(command, args);
        if (typeof answer === "string") {
          await texts.show(command === "manilint.explain" ? `${String(args[0])}.md` : "rendered.yaml", answer);
        }
        return answer;
      },
    },
  };
  client = new LanguageClient("manilint", "manilint", server, options);
  await client.start();
}

// probe returns what is wrong with a program, or undefined.
function probe(program: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, ["lsp", "--help"], { timeout: 20_000 }, (error) => {
      if (error === null) {
        resolve(undefined);
      } else if ((error as NodeJS.ErrnoException).code === "ENOENT") {
        resolve(`there is no program ${program}`);
      } else {
        resolve(`${program} lsp cannot be run (${error.message.split("\n")[0]})`);
      }
    });
  });
}

async function ask(command: string, argument: string): Promise<unknown> {
  if (client === undefined) {
    void vscode.window.showErrorMessage("manilint is not running; manilint: Restart the Server says why.");
    return undefined;
  }
  return client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [argument] });
}

async function showRendering(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined || document.uri.scheme !== "file") {
    void vscode.window.showInformationMessage("Open a manifest, a template, a values file or a kustomization first.");
    return;
  }
  const answer = await ask("manilint.render", document.uri.toString());
  if (typeof answer === "string") {
    await texts.show("rendered.yaml", answer === "" ? "# nothing is rendered from this file\n" : answer);
  }
}

async function openRule(): Promise<void> {
  const rule = await vscode.window.showInputBox({ prompt: "The id of a rule, as findings show it", placeHolder: "allow-privilege-escalation" });
  if (rule) {
    const answer = await ask("manilint.explain", rule.trim());
    if (typeof answer === "string") {
      await texts.show(`${rule.trim()}.md`, answer);
    }
  }
}

async function fixAll(): Promise<void> {
  await vscode.commands.executeCommand("editor.action.sourceAction", { kind: "source.fixAll.manilint", apply: "first" });
}
