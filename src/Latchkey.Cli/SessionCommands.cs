using System.CommandLine;
using System.Text.Json.Nodes;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary><c>latchkey session</c>: who is signed in, and where.</summary>
internal static class SessionCommands
{
    private static readonly Argument<string> Id = new("session") { Description = "The session's id (sid)" };
    private static readonly Argument<string?> OptionalId = new("session") { Description = "The session's id (sid)", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string?> User = new("--user") { Description = "Only this user's, by username or sub", HelpName = "USER" };
    private static readonly Option<string?> AllOfUser = new("--user") { Description = "Every session of this user, by username or sub", HelpName = "USER" };
    private static readonly Option<int> Limit = AdminCommand.Limit(1000);

    public static Command Create() => new("session", "Who is signed in, and where.")
    {
        AdminCommand.Create("list", "List the sessions, newest first.", "latchkey session list --user alice", ListAsync, User, Limit),
        AdminCommand.Create("show", "Show a session with its apps.", "latchkey session show AbCdEfGhIjKlMnOpQrStUg", ShowAsync, Id),
        AdminCommand.Create("end", "Sign a person out: the session ends with the grants that hang on it, and its apps are told.",
            "latchkey session end --user alice", EndAsync, OptionalId, AllOfUser),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed)
    {
        var subject = await GrantCommands.SubjectAsync(context, parsed.GetValue(User)).ConfigureAwait(false);
        context.Output.List(
            ["session", "sub", "signed in", "last seen", "address", "browser"],
            await context.Sessions.ListAsync(subject, parsed.GetValue(Limit)).ConfigureAwait(false),
            session => [session.Id.ToString(), session.Subject, Output.Time(session.AuthTime * 1000), Output.Time(session.LastSeenAt), session.Address ?? "", session.UserAgent ?? ""],
            session => Describe(session, context.Now));
    }

    private static async Task ShowAsync(AdminContext context, ParseResult parsed)
    {
        var (session, clients) = await context.Sessions.FindAsync(parsed.GetValue(Id)!).ConfigureAwait(false);
        var item = Describe(session, context.Now);
        item["clients"] = Output.Array(clients);
        context.Output.Show(item);
    }

    private static async Task EndAsync(AdminContext context, ParseResult parsed)
    {
        var (id, user) = (parsed.GetValue(OptionalId), parsed.GetValue(AllOfUser));
        if ((id is null) == (user is null)) throw new SettingException("Give either a session or --user; see: latchkey session end --help");
        if (id is not null)
        {
            var ended = await context.Sessions.EndAsync(id).ConfigureAwait(false);
            context.Output.Done(ended ? $"Session {id} is over." : $"Session {id} was over already.", new JsonObject { ["session"] = id, ["ended"] = ended });
            return;
        }

        var subject = (await context.Users.FindAsync(user!).ConfigureAwait(false)).Subject;
        var count = await context.Sessions.EndAllAsync(subject).ConfigureAwait(false);
        context.Output.Done($"{count} session(s) of {user} ended.", new JsonObject { ["sub"] = subject, ["ended"] = count });
    }

    private static JsonObject Describe(Session session, long now) => new()
    {
        ["session"] = session.Id.ToString(),
        ["sub"] = session.Subject,
        ["state"] = session.IsAlive(now) ? "alive" : "ended",
        ["auth_time"] = Output.Moment(session.AuthTime * 1000),
        ["acr"] = session.Acr,
        ["amr"] = Output.Array(session.Amr),
        ["created_at"] = Output.Moment(session.CreatedAt),
        ["last_seen_at"] = Output.Moment(session.LastSeenAt),
        ["expires_at"] = Output.Moment(session.ExpiresAt),
        ["ended_at"] = Output.Moment(session.EndedAt),
        ["address"] = session.Address,
        ["user_agent"] = session.UserAgent,
    };
}
