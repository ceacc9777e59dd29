using System.CommandLine;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Server.Keys;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary><c>latchkey key</c>: the keys that sign tokens.</summary>
internal static class KeyCommands
{
    private static readonly Argument<string> Id = new("kid") { Description = "The key's id" };
    private static readonly Option<string?> Algorithm = new("--alg") { Description = "Only this algorithm's key [default: all]", HelpName = "RS256|ES384|Ed25519|…" };
    private static readonly Option<bool> Immediately = new("--immediately") { Description = "Don't wait until every cached JWKS holds the next key" };
    private static readonly Option<bool> Compromised = new("--compromised") { Description = "The key has leaked: remove it at once, so that nothing it signed is good any more" };

    public static Command Create() => new("key", "The keys that sign tokens.")
    {
        AdminCommand.Create("list", "List the signing keys.", "latchkey key list", ListAsync),
        AdminCommand.Create("show", "Show a signing key.", "latchkey key show 3f2a9c1b5d7e8046", ShowAsync, Id),
        AdminCommand.Create("rotate", "Let the next key take over. What the old one signed stays good.", "latchkey key rotate --alg RS256", RotateAsync, Algorithm, Immediately, Compromised),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed)
    {
        var keys = await (await KeysAsync(context).ConfigureAwait(false)).ListAsync().ConfigureAwait(false);
        context.Output.List(
            ["kid", "alg", "state", "created", "signs from", "until"],
            keys,
            key => [key.KeyId, key.Algorithm, KeyAdministration.StateOf(key, keys, context.Now), Output.Time(key.CreatedAt), Output.Time(key.ActiveFrom), Output.Time(key.RetiredAt)],
            key => Describe(key, keys, context.Now));
    }

    private static async Task ShowAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        var keys = await (await KeysAsync(context).ConfigureAwait(false)).ListAsync().ConfigureAwait(false);
        var key = keys.Find(known => known.KeyId == id) ?? throw new AdministrationException($"There is no signing key {id}; see latchkey key list.");
        context.Output.Show(Describe(key, keys, context.Now));
    }

    private static async Task RotateAsync(AdminContext context, ParseResult parsed)
    {
        var how = parsed.GetValue(Compromised) ? KeyRotation.Compromised : parsed.GetValue(Immediately) ? KeyRotation.Immediately : KeyRotation.WhenPublished;
        var rotated = await (await KeysAsync(context).ConfigureAwait(false)).RotateAsync(parsed.GetValue(Algorithm), how, AdminContext.Actor).ConfigureAwait(false);
        if (rotated.Count == 0 && !context.Output.IsJson)
        {
            Console.Out.WriteLine("That is already arranged; see latchkey key list.");
            return;
        }

        context.Output.List(
            ["kid", "alg", "signs from"],
            rotated,
            key => [key.KeyId, key.Algorithm, Output.Time(key.ActiveFrom)],
            key => new JsonObject { ["kid"] = key.KeyId, ["alg"] = key.Algorithm, ["signs_from"] = Output.Moment(key.ActiveFrom) });
    }

    private static async Task<KeyAdministration> KeysAsync(AdminContext context) =>
        (await context.ServicesAsync().ConfigureAwait(false)).GetRequiredService<KeyAdministration>();

    private static JsonObject Describe(KeyRow key, List<KeyRow> all, long now) => new()
    {
        ["kid"] = key.KeyId,
        ["alg"] = key.Algorithm,
        ["state"] = KeyAdministration.StateOf(key, all, now),
        ["created_at"] = Output.Moment(key.CreatedAt),
        ["signs_from"] = Output.Moment(key.ActiveFrom),
        ["signs_until"] = Output.Moment(key.RetiredAt),
    };
}
