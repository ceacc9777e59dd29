using System.CommandLine;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary><c>latchkey grant</c>: what people gave clients.</summary>
internal static class GrantCommands
{
    private static readonly Argument<string> Id = new("grant") { Description = "The grant's id" };
    private static readonly Option<string?> User = new("--user") { Description = "Only this user's, by username or sub", HelpName = "USER" };
    private static readonly Option<string?> Client = new("--client") { Description = "Only to this client", HelpName = "ID" };
    private static readonly Option<bool> All = new("--all") { Description = "Those that are over too" };
    private static readonly Option<int> Limit = AdminCommand.Limit(1000);

    public static Command Create() => new("grant", "What people gave clients.")
    {
        AdminCommand.Create("list", "List grants, newest first.", "latchkey grant list --user alice", ListAsync, User, Client, All, Limit),
        AdminCommand.Create("show", "Show a grant.", "latchkey grant show AbCdEfGhIjKlMnOpQrStUg", ShowAsync, Id),
        AdminCommand.Create("revoke", "End a grant: its refresh token is dead, its access tokens are wherever servers ask.", "latchkey grant revoke AbCdEfGhIjKlMnOpQrStUg", RevokeAsync, Id),
        AdminCommand.Create("revoke-all", "End everything that was granted to any client until now; sessions go on.", "latchkey grant revoke-all", RevokeAllAsync),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed)
    {
        var subject = await SubjectAsync(context, parsed.GetValue(User)).ConfigureAwait(false);
        var all = await context.Grants.ListAsync(subject, parsed.GetValue(Client), parsed.GetValue(Limit)).ConfigureAwait(false);
        var clients = await ClientsAsync(context, all).ConfigureAwait(false);
        var grants = all.FindAll(grant => parsed.GetValue(All) || StateOf(grant, clients, context.Now) == "alive");
        context.Output.List(
            ["grant", "client", "sub", "scope", "state", "given", "used"],
            grants,
            grant => [grant.Id.ToString(), grant.ClientId, grant.Subject, grant.Terms.Scope, StateOf(grant, clients, context.Now), Output.Time(grant.CreatedAt), Output.Time(grant.RotatedAt)],
            grant => Describe(grant, clients, context.Now));
    }

    private static async Task ShowAsync(AdminContext context, ParseResult parsed)
    {
        var grant = await context.Grants.FindAsync(parsed.GetValue(Id)!).ConfigureAwait(false);
        context.Output.Show(Describe(grant, await ClientsAsync(context, [grant]).ConfigureAwait(false), context.Now));
    }

    private static async Task RevokeAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id)!;
        var ended = await context.Grants.RevokeAsync(id).ConfigureAwait(false);
        context.Output.Done(ended ? $"Grant {id} is over." : $"Grant {id} was over already.", new JsonObject { ["grant"] = id, ["revoked"] = ended });
    }

    private static async Task RevokeAllAsync(AdminContext context, ParseResult parsed)
    {
        await context.Grants.RevokeAllAsync().ConfigureAwait(false);
        context.Output.Done("Every grant until now is over.", new JsonObject { ["revoked"] = true });
    }

    /// <summary>The <c>sub</c> of a user who is named by username or <c>sub</c>; one who is deleted is known by the <c>sub</c> alone.</summary>
    public static async Task<string?> SubjectAsync(AdminContext context, string? name)
    {
        if (name is null) return null;
        try
        {
            return (await context.Users.FindAsync(name).ConfigureAwait(false)).Subject;
        }
        catch (AdministrationException)
        {
            return name;
        }
    }

    // As the server sees them: what was revoked for all clients is revoked for each. Of those that nobody declared only the grants' own are looked up.
    private static async Task<Dictionary<string, ClientRow>> ClientsAsync(AdminContext context, IReadOnlyCollection<Grant> grants)
    {
        var (limit, declared) = await context.Database.ReadAsync(async sql =>
            ((await ConfigurationVersion.ReadAsync(sql).ConfigureAwait(false)).NotBefore, await Clients.ListAsync(sql).ConfigureAwait(false))).ConfigureAwait(false);
        var clients = declared.ToDictionary(row => row.Metadata.ClientId, row => row with { NotBefore = Math.Max(row.NotBefore, limit) }, StringComparer.Ordinal);
        foreach (var id in grants.Select(grant => grant.ClientId).Distinct(StringComparer.Ordinal).Where(id => !clients.ContainsKey(id)).ToList())
        {
            if (await context.Clients.FindUndeclaredAsync(id).ConfigureAwait(false) is { } other)
                clients[id] = new ClientRow(other.Metadata, Math.Max(other.NotBefore, limit), other.CreatedAt ?? other.UpdatedAt, other.UpdatedAt);
        }

        return clients;
    }

    private static string StateOf(Grant grant, Dictionary<string, ClientRow> clients, long now) =>
        GrantAdministration.StateOf(grant, clients.GetValueOrDefault(grant.ClientId), now);

    private static JsonObject Describe(Grant grant, Dictionary<string, ClientRow> clients, long now)
    {
        var item = new JsonObject
        {
            ["grant"] = grant.Id.ToString(),
            ["client_id"] = grant.ClientId,
            ["sub"] = grant.Subject,
            ["scope"] = grant.Terms.Scope,
            ["resources"] = Output.Array(grant.Terms.Resources),
            ["state"] = StateOf(grant, clients, now),
            ["session"] = grant.SessionId?.ToString(),
            ["created_at"] = Output.Moment(grant.CreatedAt),
            ["used_at"] = Output.Moment(grant.RotatedAt),
            ["expires_at"] = Output.Moment(Math.Min(grant.ExpiresAt, grant.RotatedAt + grant.IdleSeconds * 1000L)),
        };
        if (grant.RevokedAt is not null)
        {
            item["revoked_at"] = Output.Moment(grant.RevokedAt);
            item["revoked_reason"] = grant.RevokedReason;
        }

        return item;
    }
}
