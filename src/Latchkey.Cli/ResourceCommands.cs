using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Admin;

namespace Latchkey.Cli;

/// <summary><c>latchkey resource</c>: the APIs that tokens are for.</summary>
internal static class ResourceCommands
{
    private static readonly Argument<string> Identifier = new("resource") { Description = "The API's identifier, which becomes aud" };
    private static readonly Option<string?> Name = new("--name") { Description = "A name for people", HelpName = "NAME" };
    private static readonly Option<string[]> Scopes = Several("--scope", "A scope of it, with what it lets an app do; may be repeated", "\"api:read=Read your data\"");
    private static readonly Option<int?> Lifetime = new("--access-token-lifetime") { Description = "How long its access tokens live [default: 900]", HelpName = "SECONDS" };
    private static readonly Option<string?> Algorithm = new("--alg") { Description = "How its access tokens are signed [default: RS256]", HelpName = "RS256|PS256|ES256" };
    private static readonly Option<string[]> Claims = Several("--claim", "A claim of the user that its access tokens carry; may be repeated", "email");
    private static readonly Option<string[]> Clients = Several("--client", "A client that is this resource and may introspect its tokens; may be repeated", "ID");
    private static readonly Option<string?> Metadata = new("--metadata") { Description = "Any further members, as a JSON file (- for standard input)", HelpName = "FILE" };

    public static Command Create() => new("resource", "The APIs that tokens are for.")
    {
        AdminCommand.Create("list", "List the resources.", "latchkey resource list", ListAsync),
        AdminCommand.Create("show", "Show a resource.", "latchkey resource show https://api.example.com", ShowAsync, Identifier),
        AdminCommand.CreateFirst("create", "Register a resource.", "latchkey resource create https://api.example.com --name \"Example API\" --scope \"api:read=Read your data\"",
            CreateAsync, Identifier, Name, Scopes, Lifetime, Algorithm, Claims, Clients, Metadata),
        AdminCommand.Create("update", "Change a resource: what is given replaces what it had.", "latchkey resource update https://api.example.com --access-token-lifetime 600",
            UpdateAsync, Identifier, Name, Scopes, Lifetime, Algorithm, Claims, Clients, Metadata),
        AdminCommand.Create("delete", "Delete a resource; its scopes can't be asked for any more.", "latchkey resource delete https://api.example.com", DeleteAsync, Identifier),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed) => context.Output.List(
        ["resource", "name", "scopes", "lifetime", "alg"],
        await context.Resources.ListAsync().ConfigureAwait(false),
        item => [item.Resource, item.Name ?? "", string.Join(' ', item.Scopes.Select(scope => scope.Scope)), $"{item.AccessTokenLifetime ?? 900} s", item.AccessTokenSignedResponseAlg ?? "RS256"],
        ToJson);

    private static async Task ShowAsync(AdminContext context, ParseResult parsed) =>
        context.Output.Show(ToJson(await context.Resources.FindAsync(parsed.GetValue(Identifier)!).ConfigureAwait(false)));

    private static async Task CreateAsync(AdminContext context, ParseResult parsed)
    {
        var members = Patch(parsed).Text("resource", parsed.GetValue(Identifier)).Over(null);
        var resource = DeclaredStateReader.ReadResourceMetadata(members, "The command line");
        await context.Resources.CreateAsync(resource).ConfigureAwait(false);
        context.Output.Done($"Resource {resource.Resource} created.", ToJson(resource));
    }

    private static async Task UpdateAsync(AdminContext context, ParseResult parsed)
    {
        var patch = Patch(parsed);
        if (patch.IsEmpty) throw new SettingException("Nothing to change was given; see: latchkey resource update --help");
        var resource = await context.Resources.UpdateAsync(
            parsed.GetValue(Identifier)!,
            known => DeclaredStateReader.ReadResourceMetadata(patch.Over(ToJson(known)), "The command line")).ConfigureAwait(false);
        context.Output.Done($"Resource {resource.Resource} changed.", ToJson(resource));
    }

    private static async Task DeleteAsync(AdminContext context, ParseResult parsed)
    {
        var identifier = parsed.GetValue(Identifier)!;
        await context.Resources.DeleteAsync(identifier).ConfigureAwait(false);
        context.Output.Done($"Resource {identifier} deleted.", new JsonObject { ["resource"] = identifier, ["deleted"] = true });
    }

    private static MetadataPatch Patch(ParseResult parsed)
    {
        var patch = new MetadataPatch()
            .File(parsed.GetValue(Metadata))
            .Text("name", parsed.GetValue(Name))
            .Number("access_token_lifetime", parsed.GetValue(Lifetime))
            .Text("access_token_signed_response_alg", parsed.GetValue(Algorithm))
            .List("access_token_claims", parsed.GetValue(Claims))
            .List("clients", parsed.GetValue(Clients));
        return parsed.GetValue(Scopes) is { Length: > 0 } scopes ? patch.Node("scopes", new JsonArray([.. scopes.Select(ScopeNode)])) : patch;
    }

    // api:read=Read your data
    private static JsonNode ScopeNode(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? JsonValue.Create(text) : new JsonObject { ["scope"] = text[..equals], ["description"] = text[(equals + 1)..] };
    }

    private static JsonObject ToJson(ResourceMetadata resource) => JsonSerializer.SerializeToNode(resource, MessagesJson.Default.ResourceMetadata)!.AsObject();

    private static Option<string[]> Several(string name, string description, string placeholder) =>
        new(name) { Description = description, HelpName = placeholder, Arity = ArgumentArity.OneOrMore };
}
