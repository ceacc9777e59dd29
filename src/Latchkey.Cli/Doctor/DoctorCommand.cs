using System.CommandLine;
using Latchkey.Server.Admin;
using Latchkey.Server.Profiles;

namespace Latchkey.Cli.Doctor;

/// <summary><c>latchkey doctor</c>: tells what falls short before it hurts. It reads and changes nothing.</summary>
internal static class DoctorCommand
{
    private static readonly Option<string> FailOn = new("--fail-on")
    {
        Description = "The least that ends with exit code 1: error, warning or note",
        HelpName = "SEVERITY",
        DefaultValueFactory = _ => "error",
    };

    /// <summary>Describes the command.</summary>
    public static Command Create() => new("doctor", "Look for what falls short of good practice and of profiles.") { CreateServer() };

    private static Command CreateServer()
    {
        var command = new Command("server", "Look at a server's settings, clients, resources and trusted issuers, by the rules for every server and by those of their profiles.")
        {
            ServeCommand.Config, AdminCommand.Json, FailOn,
        }.WithExample(
            "latchkey doctor server --config latchkey.json --data ./data --profile fapi2-security",
            "It takes the flags and variables of serve, and judges what serve would run with. --profile asks what stands in the way of a profile that is not set yet.");
        FailOn.AcceptOnlyFromAmong("error", "warning", "note");
        foreach (var setting in Setting.All) command.Options.Add(setting.Option);
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        var examined = await Examined.ReadAsync(parsed, ServeCommand.Files(parsed), TimeProvider.System).ConfigureAwait(false);
        var findings = Once([.. Judge(examined)])
            .OrderByDescending(finding => finding.Severity).ThenBy(finding => finding.Subject, StringComparer.Ordinal).ThenBy(finding => finding.Rule, StringComparer.Ordinal).ToList();
        new DoctorReport(parsed.GetValue(AdminCommand.Json)).Print(examined, findings);
        var least = parsed.GetValue(FailOn) switch { "note" => Severity.Note, "warning" => Severity.Warning, _ => Severity.Error };
        return findings.Exists(finding => finding.Severity >= least) ? CommandLine.Failed : CommandLine.Done;
    }

    // Where a profile demands what is good for every server, its word alone stands.
    private static IEnumerable<Finding> Once(List<Finding> findings) =>
        findings.Where(finding => finding.Profile is not null || finding.Setting is null
            || !findings.Exists(other => other.Profile is not null && other.Subject == finding.Subject && other.Setting == finding.Setting && other.Severity >= finding.Severity));

    private static IEnumerable<Finding> Judge(Examined examined)
    {
        var clients = examined.Clients.Select(client => client.Metadata).ToList();
        foreach (var rule in SettingRules.All.Concat(StateRules.All))
        {
            foreach (var finding in rule.Judge(examined)) yield return finding;
        }

        if (examined.Settings is not null)
        {
            foreach (var finding in ProfileCheck.Settings(examined.Options, clients)) yield return finding;
        }

        foreach (var client in examined.Clients)
        {
            if (DeclaredState.FaultOf(client.Metadata) is { } fault)
            {
                yield return new("client-refused", Severity.Error, client.Subject, null, $"it would be refused: {fault.TrimEnd('.')}", null,
                    client.Origin is null ? "mend it where it is declared" : "have its developer mend it, or end it with client delete", null);
            }

            foreach (var finding in ProfileCheck.Client(client.Metadata, examined.Options, client.Written)) yield return finding with { Subject = client.Subject };
            // What changes for clients by a profile that all of them are to keep to; those that nobody declared are told when they come.
            if (client.Origin is null && ProfileCheck.TurnedOn(client.Metadata, examined.Options) is { } turnedOn) yield return turnedOn;
        }

        foreach (var resource in examined.Resources)
        {
            foreach (var finding in ProfileCheck.Resource(resource, examined.Options, clients)) yield return finding;
        }
    }
}
