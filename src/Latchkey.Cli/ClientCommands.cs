using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Admin;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary><c>latchkey client</c>: the apps that may ask for tokens.</summary>
internal static class ClientCommands
{
    private const string Declared = "declared";

    private static readonly Option<int> Limit = new("--limit") { Description = "How many of those that registered themselves, and of those whose id is a URL, at most", HelpName = "N", DefaultValueFactory = _ => 1000 };
    private static readonly Argument<string> Id = new("client_id") { Description = "The client's id" };
    private static readonly Option<string?> NewId = new("--client-id") { Description = "The client's id [default: made at random]", HelpName = "ID" };
    private static readonly Option<string?> Name = new("--name") { Description = "A name for people", HelpName = "NAME" };
    private static readonly Option<string[]> RedirectUris = Several("--redirect-uri", "Where answers may go; may be repeated", "URI");
    private static readonly Option<string[]> PostLogoutRedirectUris = Several("--post-logout-redirect-uri", "Where people may go after signing out; may be repeated", "URI");
    private static readonly Option<string[]> GrantTypes = Several("--grant-type", "A grant it may use; may be repeated [default: authorization_code]", "GRANT");
    private static readonly Option<string?> Scope = new("--scope") { Description = "The scopes it may ask for, separated by spaces", HelpName = "\"openid email\"" };
    private static readonly Option<string?> Method = new("--auth-method") { Description = "client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none", HelpName = "METHOD" };
    private static readonly Option<string?> ApplicationType = new("--application-type") { Description = "web or native", HelpName = "TYPE" };
    private static readonly Option<string?> BackchannelLogoutUri = new("--backchannel-logout-uri") { Description = "Where logout tokens go", HelpName = "URI" };
    private static readonly Option<string?> JwksUri = new("--jwks-uri") { Description = "Where its public keys are", HelpName = "URI" };
    private static readonly Option<bool?> SkipConsent = new("--skip-consent") { Description = "A first-party app: people are not asked for consent", HelpName = "true|false" };
    private static readonly Option<string?> Profile = new("--profile") { Description = "The profile that it keeps to: oauth21, fapi2-security, fapi2-message-signing or mcp", HelpName = "NAME" };
    private static readonly Option<string?> Metadata = new("--metadata") { Description = "Any further metadata by their registered names, as a JSON file (- for standard input)", HelpName = "FILE" };
    private static readonly Option<TimeSpan?> Overlap = Duration.Option("--overlap", "For how long the old secret stays good [default: 24h]");

    public static Command Create() => new("client", "The apps that may ask for tokens.")
    {
        AdminCommand.Create("list", "List the clients, declared or not.", "latchkey client list --data ./data", ListAsync, Limit),
        AdminCommand.Create("show", "Show a client.", "latchkey client show web --json", ShowAsync, Id),
        AdminCommand.CreateFirst("create", "Register a client. Its secret is printed once and can't be read again.",
            "latchkey client create --client-id web --redirect-uri https://app.example.com/callback --grant-type authorization_code --grant-type refresh_token --scope \"openid email\"",
            CreateAsync, NewId, Name, RedirectUris, PostLogoutRedirectUris, GrantTypes, Scope, Method, ApplicationType, BackchannelLogoutUri, JwksUri, SkipConsent, Profile, Metadata),
        AdminCommand.Create("update", "Change a client: what is given replaces what it had.", "latchkey client update web --scope \"openid email api:read\"",
            UpdateAsync, Id, Name, RedirectUris, PostLogoutRedirectUris, GrantTypes, Scope, Method, ApplicationType, BackchannelLogoutUri, JwksUri, SkipConsent, Profile, Metadata),
        AdminCommand.Create("delete", "Delete a client, its secrets and what people granted it.", "latchkey client delete web", DeleteAsync, Id),
        AdminCommand.Create("rotate-secret", "Give a client a new secret, printed once. The old one stays good for a while.",
            "latchkey client rotate-secret web --overlap 1h", RotateSecretAsync, Id, Overlap),
        AdminCommand.Create("revoke-grants", "End everything that people granted a client until now.", "latchkey client revoke-grants web", RevokeGrantsAsync, Id),
        AdminCommand.Create("block", "Keep a client out that nobody declared, and end all that people granted it.", "latchkey client block https://app.example.com/client.json", BlockAsync, Id),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed)
    {
        var declared = (await context.Clients.ListAsync().ConfigureAwait(false)).Select(pair => (pair.Client.Metadata, Origin: Declared, Item: Describe(pair.Client, pair.Secrets)));
        var others = (await context.Clients.ListUndeclaredAsync(parsed.GetValue(Limit)).ConfigureAwait(false)).Select(client => (client.Metadata, client.Origin, Item: Describe(client)));
        context.Output.List(
            ["client_id", "name", "authentication", "grants", "scope", "origin"],
            [.. declared, .. others],
            client => [client.Metadata.ClientId, client.Metadata.ClientName ?? "", client.Metadata.TokenEndpointAuthMethod, string.Join(' ', client.Metadata.GrantTypes), client.Metadata.Scope ?? "", client.Origin],
            client => client.Item);
    }

    private static async Task ShowAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        if (await context.Clients.FindUndeclaredAsync(id).ConfigureAwait(false) is { } other)
        {
            context.Output.Show(Describe(other));
            return;
        }

        var (client, secrets) = await context.Clients.FindAsync(id).ConfigureAwait(false);
        context.Output.Show(Describe(client, secrets));
    }

    private static async Task CreateAsync(AdminContext context, ParseResult parsed)
    {
        var members = Patch(parsed).Text("client_id", parsed.GetValue(NewId)).Over(null);
        var (client, secret) = await context.Clients.CreateAsync(DeclaredStateReader.ReadClientMetadata(members, "The command line")).ConfigureAwait(false);
        var answer = new JsonObject { ["client_id"] = client.ClientId };
        if (secret is not null) answer["client_secret"] = secret;
        context.Output.Show(answer);
        if (secret is not null && !context.Output.IsJson) Console.Error.WriteLine("Keep the secret now: it can't be read again.");
    }

    private static async Task UpdateAsync(AdminContext context, ParseResult parsed)
    {
        var patch = Patch(parsed);
        if (patch.IsEmpty) throw new SettingException("Nothing to change was given; see: latchkey client update --help");
        var client = await context.Clients.UpdateAsync(
            parsed.GetValue(Id)!,
            known => DeclaredStateReader.ReadClientMetadata(patch.Over(ToJson(known)), "The command line")).ConfigureAwait(false);
        context.Output.Done($"Client {client.ClientId} changed.", ToJson(client));
    }

    private static async Task DeleteAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        await context.Clients.DeleteAsync(id).ConfigureAwait(false);
        context.Output.Done($"Client {id} deleted.", new JsonObject { ["client_id"] = id, ["deleted"] = true });
    }

    private static async Task RotateSecretAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        var overlap = parsed.GetValue(Overlap) ?? ClientAdministration.DefaultOverlap;
        var secret = await context.Clients.RotateSecretAsync(id, overlap).ConfigureAwait(false);
        var until = context.Now + (long)overlap.TotalMilliseconds;
        context.Output.Show(new JsonObject { ["client_id"] = id, ["client_secret"] = secret, ["old_secret_until"] = Output.Moment(until) });
        if (!context.Output.IsJson) Console.Error.WriteLine("Keep the secret now: it can't be read again.");
    }

    private static async Task RevokeGrantsAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        await context.Clients.RevokeGrantsAsync(id).ConfigureAwait(false);
        context.Output.Done($"Every grant to {id} until now is over.", new JsonObject { ["client_id"] = id, ["revoked"] = true });
    }

    private static MetadataPatch Patch(ParseResult parsed) => new MetadataPatch()
        .File(parsed.GetValue(Metadata))
        .Text("client_name", parsed.GetValue(Name))
        .List("redirect_uris", parsed.GetValue(RedirectUris))
        .List("post_logout_redirect_uris", parsed.GetValue(PostLogoutRedirectUris))
        .List("grant_types", parsed.GetValue(GrantTypes))
        .Text("scope", parsed.GetValue(Scope))
        .Text("token_endpoint_auth_method", parsed.GetValue(Method))
        .Text("application_type", parsed.GetValue(ApplicationType))
        .Text("backchannel_logout_uri", parsed.GetValue(BackchannelLogoutUri))
        .Text("jwks_uri", parsed.GetValue(JwksUri))
        .Flag("skip_consent", parsed.GetValue(SkipConsent))
        .Text("profile", parsed.GetValue(Profile));

    private static async Task BlockAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        var stays = await context.Clients.BlockAsync(id).ConfigureAwait(false);
        context.Output.Done(
            stays ? $"Client {id} gets nothing any more; latchkey client delete {id} lets it in again." : $"Client {id} is deleted with all that it was granted.",
            new JsonObject { ["client_id"] = id, ["blocked"] = true });
    }

    private static JsonObject ToJson(ClientMetadata client) => JsonSerializer.SerializeToNode(client, MessagesJson.Default.ClientMetadata)!.AsObject();

    private static JsonObject Describe(ClientRow client, IReadOnlyList<ClientSecret> secrets)
    {
        var item = ToJson(client.Metadata);
        item["secrets"] = new JsonArray([.. secrets.Select(secret => (JsonNode)new JsonObject
        {
            ["id"] = secret.Id,
            ["created_at"] = Output.Moment(secret.CreatedAt),
            ["expires_at"] = Output.Moment(secret.ExpiresAt),
        })]);
        if (client.NotBefore > 0) item["grants_not_before"] = Output.Moment(client.NotBefore);
        item["origin"] = Declared;
        item["created_at"] = Output.Moment(client.CreatedAt);
        item["updated_at"] = Output.Moment(client.UpdatedAt);
        return item;
    }

    private static JsonObject Describe(UndeclaredClient client)
    {
        var item = ToJson(client.Metadata);
        if (client.NotBefore > 0) item["grants_not_before"] = Output.Moment(client.NotBefore);
        item["origin"] = client.Origin;
        if (client.CreatedAt is not null) item["created_at"] = Output.Moment(client.CreatedAt);
        item["updated_at"] = Output.Moment(client.UpdatedAt);
        if (client.Origin == "registered") item["used_at"] = Output.Moment(client.UsedAt);
        return item;
    }

    private static Option<string[]> Several(string name, string description, string placeholder) =>
        new(name) { Description = description, HelpName = placeholder, Arity = ArgumentArity.OneOrMore };
}
