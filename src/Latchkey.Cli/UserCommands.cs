using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Storage;
using Spectre.Console;

namespace Latchkey.Cli;

/// <summary><c>latchkey user</c>: the people who can sign in. A password is typed or comes on the standard input, never on the command line.</summary>
internal static class UserCommands
{
    private static readonly Argument<string> Name = new("user") { Description = "The username, or the sub" };
    private static readonly Argument<string> Username = new("username") { Description = "The name the person signs in with" };
    private static readonly Option<string?> Subject = new("--sub") { Description = "The sub [default: made at random]", HelpName = "SUB" };
    private static readonly Option<string?> Email = new("--email") { Description = "The email claim", HelpName = "ADDRESS" };
    private static readonly Option<bool?> EmailVerified = new("--email-verified") { Description = "The email_verified claim", HelpName = "true|false" };
    private static readonly Option<string?> FullName = new("--name") { Description = "The name claim", HelpName = "NAME" };
    private static readonly Option<string[]> Claims = new("--claim")
    {
        Description = "Any standard claim; without a value it is taken away; may be repeated", HelpName = "locale=en", Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<bool> PasswordStdin = new("--password-stdin") { Description = "Read the password from the standard input's first line" };
    private static readonly Option<int> Limit = AdminCommand.Limit(1000);

    public static Command Create() => new("user", "The people who can sign in.")
    {
        AdminCommand.Create("list", "List the users.", "latchkey user list", ListAsync, Limit),
        AdminCommand.Create("show", "Show a user.", "latchkey user show alice", ShowAsync, Name),
        AdminCommand.CreateFirst("create", "Make a user. The password is asked for on a terminal, or read with --password-stdin.",
            "latchkey user create alice --email alice@example.com --name \"Alice Example\" --password-stdin < password.txt",
            CreateAsync, Username, Subject, Email, EmailVerified, FullName, Claims, PasswordStdin),
        AdminCommand.Create("update", "Change a user's claims.", "latchkey user update alice --email-verified true --claim locale=en",
            UpdateAsync, Name, Email, EmailVerified, FullName, Claims),
        AdminCommand.Create("set-password", "Set a password; all of the person's sessions and grants end. It is asked for on a terminal, or read from the standard input.",
            "latchkey user set-password alice --password-stdin < password.txt", SetPasswordAsync, Name, PasswordStdin),
        AdminCommand.Create("disable", "Shut an account; all of the person's sessions and grants end.", "latchkey user disable alice", DisableAsync, Name),
        AdminCommand.Create("revoke", "End all of a person's sessions and grants, telling the apps; the account stays open.", "latchkey user revoke alice", RevokeAsync, Name),
        AdminCommand.Create("enable", "Open an account again, and unlock it.", "latchkey user enable alice", EnableAsync, Name),
        AdminCommand.Create("delete", "Delete a user, their sessions and grants.", "latchkey user delete alice", DeleteAsync, Name),
    };

    private static async Task ListAsync(AdminContext context, ParseResult parsed) => context.Output.List(
        ["username", "sub", "name", "email", "state"],
        await context.Users.ListAsync(parsed.GetValue(Limit)).ConfigureAwait(false),
        user => [user.Username, user.Subject, user.Claim("name") ?? "", user.Claim("email") ?? "", StateOf(user, context.Now)],
        user => Describe(user, context.Now));

    private static async Task ShowAsync(AdminContext context, ParseResult parsed) =>
        context.Output.Show(Describe(await context.Users.FindAsync(parsed.GetValue(Name)!).ConfigureAwait(false), context.Now));

    private static async Task CreateAsync(AdminContext context, ParseResult parsed)
    {
        var username = parsed.GetValue(Username)!;
        var password = parsed.GetValue(PasswordStdin) || !Console.IsInputRedirected ? ReadPassword(parsed, mayBeEmpty: true) : null;
        var user = await context.Users.CreateAsync(username, password, ReadClaims(parsed), parsed.GetValue(Subject)).ConfigureAwait(false);
        context.Output.Done(
            $"User {user.Username} created, sub {user.Subject}." + (password is null ? $" There is no password yet: latchkey user set-password {user.Username}" : ""),
            Describe(user, context.Now));
    }

    private static async Task UpdateAsync(AdminContext context, ParseResult parsed)
    {
        var claims = ReadClaims(parsed);
        if (claims.Count == 0) throw new SettingException("Nothing to change was given; see: latchkey user update --help");
        var user = await context.Users.UpdateAsync(parsed.GetValue(Name)!, claims).ConfigureAwait(false);
        context.Output.Done($"User {user.Username} changed.", Describe(user, context.Now));
    }

    private static async Task SetPasswordAsync(AdminContext context, ParseResult parsed)
    {
        var user = await context.Users.FindAsync(parsed.GetValue(Name)!).ConfigureAwait(false);
        await context.Users.SetPasswordAsync(user.Subject, ReadPassword(parsed, mayBeEmpty: false)!).ConfigureAwait(false);
        context.Output.Done($"Password of {user.Username} set; their sessions and grants are over.", new JsonObject { ["sub"] = user.Subject, ["password_set"] = true });
    }

    private static async Task DisableAsync(AdminContext context, ParseResult parsed)
    {
        var user = await context.Users.DisableAsync(parsed.GetValue(Name)!).ConfigureAwait(false);
        context.Output.Done($"User {user.Username} is disabled; their sessions and grants are over.", new JsonObject { ["sub"] = user.Subject, ["state"] = "disabled" });
    }

    private static async Task RevokeAsync(AdminContext context, ParseResult parsed)
    {
        var user = await context.Users.RevokeAsync(parsed.GetValue(Name)!).ConfigureAwait(false);
        context.Output.Done($"The sessions and grants of {user.Username} are over; the account stays open.", new JsonObject { ["sub"] = user.Subject, ["revoked"] = true });
    }

    private static async Task EnableAsync(AdminContext context, ParseResult parsed)
    {
        var user = await context.Users.EnableAsync(parsed.GetValue(Name)!).ConfigureAwait(false);
        context.Output.Done($"User {user.Username} is enabled.", new JsonObject { ["sub"] = user.Subject, ["state"] = "enabled" });
    }

    private static async Task DeleteAsync(AdminContext context, ParseResult parsed)
    {
        var user = await context.Users.DeleteAsync(parsed.GetValue(Name)!).ConfigureAwait(false);
        context.Output.Done($"User {user.Username} deleted.", new JsonObject { ["sub"] = user.Subject, ["deleted"] = true });
    }

    private static string? ReadPassword(ParseResult parsed, bool mayBeEmpty)
    {
        string? password;
        if (parsed.GetValue(PasswordStdin) || Console.IsInputRedirected)
        {
            password = Console.In.ReadLine();
        }
        else
        {
            var prompt = new TextPrompt<string>(mayBeEmpty ? "Password (empty for none):" : "New password:").Secret(null).AllowEmpty();
            password = AnsiConsole.Prompt(prompt);
            if (password.Length > 0 && AnsiConsole.Prompt(new TextPrompt<string>("Once more:").Secret(null).AllowEmpty()) != password)
                throw new AdministrationException("The two passwords differ; nothing was changed.");
        }

        if (!string.IsNullOrEmpty(password)) return password;
        return mayBeEmpty && !parsed.GetValue(PasswordStdin) ? null : throw new AdministrationException("The password is empty; nothing was changed.");
    }

    private static Dictionary<string, JsonElement> ReadClaims(ParseResult parsed)
    {
        var claims = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var claim in parsed.GetValue(Claims) ?? [])
        {
            var equals = claim.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? claim : claim[..equals];
            claims[name] = Element(name, equals < 0 ? "" : claim[(equals + 1)..]);
        }

        if (parsed.GetValue(Email) is { } email) claims["email"] = Element("email", email);
        if (parsed.GetValue(FullName) is { } fullName) claims["name"] = Element("name", fullName);
        if (parsed.GetValue(EmailVerified) is { } verified) claims["email_verified"] = Element("email_verified", verified ? "true" : "false");
        return claims;
    }

    // Text, except for the claims that are not (OpenID Connect Core section 5.1).
    private static JsonElement Element(string name, string value)
    {
        if (value.Length == 0) return JsonElement.Parse("null");
        if (name is not ("email_verified" or "phone_number_verified" or "updated_at" or "address")) return JsonSerializer.SerializeToElement(value, CliJson.Default.String);
        try
        {
            return JsonElement.Parse(value);
        }
        catch (JsonException exception)
        {
            throw new AdministrationException($"The claim {name} is no valid JSON: {value}", exception);
        }
    }

    private static string StateOf(User user, long now) => user.DisabledAt is not null ? "disabled" : user.LockoutEnd > now ? "locked" : "enabled";

    private static JsonObject Describe(User user, long now)
    {
        var item = new JsonObject { ["sub"] = user.Subject, ["username"] = user.Username };
        foreach (var (name, value) in user.Claims) item[name] = JsonNode.Parse(value.GetRawText());
        item["state"] = StateOf(user, now);
        item["has_password"] = user.PasswordHash is not null;
        item["created_at"] = Output.Moment(user.CreatedAt);
        item["changed_at"] = Output.Moment(user.UpdatedAt);
        return item;
    }
}
