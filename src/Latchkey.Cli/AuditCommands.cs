using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary><c>latchkey audit</c>: what happened.</summary>
internal static class AuditCommands
{
    private static readonly TimeSpan FollowInterval = TimeSpan.FromMilliseconds(500);

    private static readonly Argument<long> Id = new("event") { Description = "The event's number" };
    private static readonly Option<string?> Event = new("--event") { Description = "Only events of this name, such as sign_in", HelpName = "NAME" };
    private static readonly Option<string?> User = new("--user") { Description = "Only on this user's account, by username or sub", HelpName = "USER" };
    private static readonly Option<string?> Client = new("--client") { Description = "Only with this client", HelpName = "ID" };
    private static readonly Option<string?> Since = new("--since") { Description = "Only since this moment (2026-01-31T12:00:00Z), or for this long (24h)", HelpName = "TIME" };
    private static readonly Option<int> Limit = AdminCommand.Limit(100);

    public static Command Create() => new("audit", "What happened: who, what, on whom, from where, with what outcome.")
    {
        AdminCommand.Create("list", "List events, the newest last.", "latchkey audit list --event sign_in --since 24h", ListAsync, Event, User, Client, Since, Limit),
        AdminCommand.Create("show", "Show an event.", "latchkey audit show 42", ShowAsync, Id),
        AdminCommand.Create("follow", "Print events as they happen, until Ctrl-C. With --json, an object a line.", "latchkey audit follow --json", FollowAsync, Event, User, Client),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed)
    {
        var filter = await FilterAsync(context, parsed).ConfigureAwait(false) with { Since = ReadSince(parsed.GetValue(Since), context.Now) };
        var entries = await context.Database.ReadAsync(sql => AuditLog.ListAsync(sql, filter, parsed.GetValue(Limit))).ConfigureAwait(false);
        context.Output.Lines(entries, Line, Describe);
    }

    private static async Task ShowAsync(AdminContext context, ParseResult parsed)
    {
        var id = parsed.GetValue(Id);
        var entry = (id < 1 ? null : await context.Database.ReadAsync(sql => AuditLog.FindAsync(sql, id)).ConfigureAwait(false))
            ?? throw new Latchkey.Server.Admin.AdministrationException($"There is no event {id}; see latchkey audit list.");
        context.Output.Show(Describe(entry));
    }

    private static async Task FollowAsync(AdminContext context, ParseResult parsed)
    {
        var filter = await FilterAsync(context, parsed).ConfigureAwait(false);
        var tail = await AuditTail.BeginAsync(context.Database, context.Now).ConfigureAwait(false);
        using var timer = new PeriodicTimer(FollowInterval, context.Clock);
        do
        {
            foreach (var entry in await tail.NextAsync(filter, context.Now).ConfigureAwait(false)) context.Output.Line(Line(entry), () => Describe(entry));
        }
        while (await timer.WaitForNextTickAsync().ConfigureAwait(false));
    }

    // An event is a line: tables of many columns break apart on a terminal.
    private static string Line(AuditEvent entry)
    {
        var parts = new List<string> { $"#{entry.Id}", Output.Time(entry.At), entry.Event, entry.Outcome };
        foreach (var (name, value) in (ReadOnlySpan<(string, string?)>)[("actor", entry.Actor), ("sub", entry.Subject), ("client", entry.ClientId), ("from", entry.Address)])
        {
            if (value is not null) parts.Add($"{name}={value}");
        }

        if (entry.Detail is not null && JsonNode.Parse(entry.Detail) is JsonObject detail) parts.AddRange(detail.Select(member => $"{member.Key}={Text(member.Value)}"));
        return string.Join("  ", parts);
    }

    private static async Task<AuditFilter> FilterAsync(AdminContext context, ParseResult parsed) =>
        new(parsed.GetValue(Event), await GrantCommands.SubjectAsync(context, parsed.GetValue(User)).ConfigureAwait(false), parsed.GetValue(Client));

    private static long ReadSince(string? text, long now)
    {
        if (text is null) return 0;
        if (Duration.Parse(text) is { } span) return now - (long)span.TotalMilliseconds;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment)
            ? moment.ToUnixTimeMilliseconds()
            : throw new SettingException($"--since is \"{text}\", but it must be a moment such as 2026-01-31T12:00:00Z or a length of time such as 24h.");
    }

    private static JsonObject Describe(AuditEvent entry) => new()
    {
        ["id"] = entry.Id,
        ["at"] = Output.Moment(entry.At),
        ["event"] = entry.Event,
        ["outcome"] = entry.Outcome,
        ["actor"] = entry.Actor,
        ["sub"] = entry.Subject,
        ["client_id"] = entry.ClientId,
        ["address"] = entry.Address,
        ["request_id"] = entry.RequestId,
        ["detail"] = entry.Detail is null ? null : JsonNode.Parse(entry.Detail),
    };

    private static string Text(JsonNode? value) => value is JsonArray list ? string.Join(',', list.Select(Text)) : value?.ToString() ?? "";
}
