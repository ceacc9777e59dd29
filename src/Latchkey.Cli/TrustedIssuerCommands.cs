using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;

namespace Latchkey.Cli;

/// <summary><c>latchkey trusted-issuer</c>: whose JWTs are taken as grants.</summary>
internal static class TrustedIssuerCommands
{
    private static readonly Argument<string> Issuer = new("issuer") { Description = "The issuer, the iss of its JWTs" };

    public static Command Create() => new("trusted-issuer", "Whose JWTs are taken as grants (RFC 7523); declared in trusted_issuers.")
    {
        AdminCommand.Create("list", "List the trusted issuers.", "latchkey trusted-issuer list", ListAsync),
        AdminCommand.Create("show", "Show a trusted issuer.", "latchkey trusted-issuer show https://token.actions.githubusercontent.com", ShowAsync, Issuer),
        AdminCommand.Create("delete", "Trust an issuer no longer; its JWTs are refused from now on.",
            "latchkey trusted-issuer delete https://token.actions.githubusercontent.com", DeleteAsync, Issuer),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed) => context.Output.List(
        ["issuer", "keys", "clients"],
        await context.TrustedIssuers.ListAsync().ConfigureAwait(false),
        item => [item.Issuer, item.Jwks is null ? item.JwksUri ?? "by discovery" : "by value", string.Join(' ', item.Rules.Select(rule => rule.ClientId).Distinct())],
        ToJson);

    private static async Task ShowAsync(AdminContext context, ParseResult parsed) =>
        context.Output.Show(ToJson(await context.TrustedIssuers.FindAsync(parsed.GetValue(Issuer)!).ConfigureAwait(false)));

    private static async Task DeleteAsync(AdminContext context, ParseResult parsed)
    {
        var issuer = parsed.GetValue(Issuer)!;
        await context.TrustedIssuers.DeleteAsync(issuer).ConfigureAwait(false);
        context.Output.Done($"Trusted issuer {issuer} deleted.", new JsonObject { ["issuer"] = issuer, ["deleted"] = true });
    }

    private static JsonObject ToJson(TrustedIssuer issuer) => JsonSerializer.SerializeToNode(issuer, MessagesJson.Default.TrustedIssuer)!.AsObject();
}
