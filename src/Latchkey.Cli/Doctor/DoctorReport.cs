using System.Text.Json.Nodes;
using Latchkey.Server.Profiles;
using Spectre.Console;

namespace Latchkey.Cli.Doctor;

/// <summary>Prints what the doctor found: for people, a line each into a pipe, or as JSON.</summary>
/// <param name="json">Whether <c>--json</c> was given.</param>
internal sealed class DoctorReport(bool json)
{
    /// <summary>Prints it, the worst first.</summary>
    public void Print(Examined examined, IReadOnlyList<Finding> findings)
    {
        if (json) Output.Json(ToJson(examined, findings));
        else if (Console.IsOutputRedirected) PrintLines(findings);
        else PrintPages(findings);
        if (!json) Console.Out.WriteLine(Summary(examined, findings));
    }

    private static void PrintLines(IReadOnlyList<Finding> findings)
    {
        foreach (var finding in findings) Console.Out.WriteLine(Output.OneLineOf($"{Word(finding.Severity)}: {finding.Subject}: {finding.ToSentence()} [{finding.Rule}]"));
    }

    // What it is about once, and below it what is to be said of it, the worst subject first.
    private static void PrintPages(IReadOnlyList<Finding> findings)
    {
        var console = Output.OpenConsole();
        foreach (var subject in findings.GroupBy(finding => finding.Subject))
        {
            console.WriteLine();
            console.Write(new Rule(Markup.Escape(Output.Clean(subject.Key))) { Justification = Justify.Left, Style = Style.Parse("grey"), Border = BoxBorder.Square });
            var grid = new Grid().AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(2, 0, 2, 0) }).AddColumn(new GridColumn());
            foreach (var finding in subject)
            {
                grid.AddRow(new Text(Word(finding.Severity), StyleOf(finding.Severity)), new Rows(
                    new Text(Output.Clean((finding.Setting is null ? "" : finding.Setting + ": ") + finding.Says)),
                    new Text(Output.Clean("→ " + finding.Mend), new Style(Color.Green)),
                    new Text(Output.Clean(string.Join(" · ", ((string?[])[finding.Profile, finding.Section, finding.Rule]).Where(part => part is not null))), new Style(Color.Grey))));
            }

            console.Write(grid);
        }

        if (findings.Count > 0) console.WriteLine();
    }

    private static JsonObject ToJson(Examined examined, IReadOnlyList<Finding> findings) => new()
    {
        ["profile"] = SecurityProfiles.NameOf(examined.Options.Profile) is { Length: > 0 } profile ? profile : null,
        ["clients"] = examined.Clients.Count(client => client.Origin is null),
        ["undeclared_clients"] = examined.Clients.Count(client => client.Origin is not null),
        ["resources"] = examined.Resources.Count,
        ["findings"] = new JsonArray([.. findings.Select(finding => (JsonNode)new JsonObject
        {
            ["rule"] = finding.Rule,
            ["severity"] = Word(finding.Severity),
            ["subject"] = finding.Subject,
            ["setting"] = finding.Setting,
            ["says"] = finding.Says,
            ["section"] = finding.Section,
            ["mend"] = finding.Mend,
            ["profile"] = finding.Profile,
        })]),
        ["errors"] = Count(findings, Severity.Error),
        ["warnings"] = Count(findings, Severity.Warning),
        ["notes"] = Count(findings, Severity.Note),
    };

    private static string Summary(Examined examined, IReadOnlyList<Finding> findings)
    {
        var looked = $"Looked at {(examined.Settings is null ? "" : "the settings, ")}{Number(examined.Clients.Count(client => client.Origin is null), "client")}{Undeclared(examined)} and {Number(examined.Resources.Count, "resource")}";
        return findings.Count == 0
            ? $"{looked}: nothing to mend."
            : $"{looked}: {Number(Count(findings, Severity.Error), "error")}, {Number(Count(findings, Severity.Warning), "warning")}, {Number(Count(findings, Severity.Note), "note")}.";
    }

    private static string Undeclared(Examined examined) =>
        examined.Clients.Count(client => client.Origin is not null) is > 0 and var count ? $", {count} that nobody declared" : "";

    private static int Count(IReadOnlyList<Finding> findings, Severity severity) => findings.Count(finding => finding.Severity == severity);

    private static string Number(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static string Word(Severity severity) => severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "note" };

    private static Style StyleOf(Severity severity) => new(severity switch { Severity.Error => Color.Red, Severity.Warning => Color.Yellow, _ => Color.Blue }, decoration: Decoration.Bold);
}
