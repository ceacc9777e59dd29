using System.CommandLine;
using System.Text.Json.Nodes;
using Latchkey.Server;
using Latchkey.Server.Admin;

namespace Latchkey.Cli;

/// <summary><c>latchkey apply</c>: brings clients, resources and users to what a file declares.</summary>
internal static class ApplyCommand
{
    private static readonly Argument<string[]> Files = new("file") { Description = "Declared state, as for serve --config; its settings are only for serve", Arity = ArgumentArity.OneOrMore };

    public static Command Create() => AdminCommand.CreateFirst(
        "apply", "Apply declared state: what the files name is created or updated, everything else is left alone.", "latchkey apply latchkey.json --data ./data", RunAsync, Files);

    private static async Task RunAsync(AdminContext context, ParseResult parsed)
    {
        var state = DeclaredStateReader.ReadFiles(parsed.GetValue(Files)!, Setting.Keys, Environment.GetEnvironmentVariable);
        var services = await context.ServicesAsync().ConfigureAwait(false);
        var changes = await services.ApplyDeclaredStateAsync(state, AdminContext.Actor).ConfigureAwait(false);
        context.Output.Done(changes.Count == 0 ? "Everything is as declared." : string.Join('\n', changes), new JsonObject { ["changes"] = Output.Array(changes) });
    }
}
