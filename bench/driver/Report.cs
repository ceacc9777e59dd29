using System.Text;

namespace Latchkey.Bench;

/// <summary>Makes tables and charts of measurements.</summary>
internal sealed class Report(IReadOnlyList<Line> lines)
{
    private const string Own = "latchkey native sqlite ";
    private const string OnPostgres = "latchkey native postgres es256";
    private const string Peer = "oidc-provider sqlite ";
    private const string OpenIddict = "openiddict sqlite ";

    // Processors that something else kept busy; above it a figure proves nothing.
    private const double TooMuchOtherLoad = 0.5;

    // What the design promises: the first divided by the second, at most (or at least, where the limit is negative).
    private static readonly (string Promise, string Work, string One, string Other, double Limit)[] Promises =
    [
        ("client_credentials, RS256: at most 1.10 × the floor", "client_credentials", Own + "rs256", "floor rs256", 1.10),
        ("client_credentials, ES256: at most 1.6 × the floor", "client_credentials", Own + "es256", "floor es256", 1.6),
        ("client_credentials, RS256: OpenIddict's is at least 10 × as much", "client_credentials", OpenIddict + "rs256", Own + "rs256", -10),
        ("client_credentials, ES256: OpenIddict's is at least 50 × as much", "client_credentials", OpenIddict + "es256", Own + "es256", -50),
        ("client_credentials, ES256: oidc-provider's is at least 2.9 × as much", "client_credentials", Peer + "es256", Own + "es256", -2.9),
        ("refresh, ES256, no ID token: at most 1.5 × the floor", "refresh", Own + "es256", "floor es256", 1.5),
        ("refresh, ES256, ID token: at most 1.8 × the floor", "refresh+id", Own + "es256", "floor es256", 1.8),
        ("refresh, ES256, ID token: oidc-provider's is at least 6 × as much", "refresh+id", Peer + "es256", Own + "es256", -6),
        ("code flow, ES256: oidc-provider's is at least 9 × as much", "code", Peer + "es256", Own + "es256", -9),
        ("introspection, RS256: oidc-provider's, of opaque tokens, is at least 2 × as much", "introspection", Peer + "rs256", Own + "rs256", -2),
        ("introspection, RS256: OpenIddict's is at least 50 × as much", "introspection", OpenIddict + "rs256", Own + "rs256", -50),
        ("discovery: at most 1.5 × the floor", "discovery", Own + "es256", "floor es256", 1.5),
        ("JWKS: at most 1.5 × the floor", "jwks", Own + "es256", "floor es256", 1.5),
        ("refresh on PostgreSQL, ES256: at most 1.5 × SQLite's", "refresh", OnPostgres, Own + "es256", 1.5),
    ];

    private static readonly (string Work, string Title)[] Charted =
    [
        ("client_credentials", "A service's token (client_credentials)"), ("refresh+id", "Refresh, durable, with ID token"),
        ("code", "Sign-in of a known session (authorize, then token)"), ("introspection", "Introspection"),
    ];

    /// <summary>Writes README.md and the charts.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var text = new StringBuilder("# What requests cost\n\n");
        WriteHost(text);
        WritePromises(text);
        WriteRequests(text, folder);
        WriteProcesses(text, folder);
        WriteGrowth(text, folder);
        File.WriteAllText(Path.Combine(folder, "README.md"), text.ToString());
    }

    private void WriteHost(StringBuilder text)
    {
        text.AppendLine("CPU µs is what a request costs the server's processors, user and system time: the figure to compare. The load driver shares the machine, so requests")
            .AppendLine("a second and latencies say less. All subjects run in one go and in turns; a figure is the median of the rounds. Load from elsewhere can make all of")
            .AppendLine("them up to 1.45 times as high, but ratios within one run hold within about 15 %. [What is measured how](../README.md).").AppendLine();
        foreach (var line in lines.Where(line => line.Host is not null).TakeLast(1))
        {
            foreach (var (name, value) in line.Host!) text.AppendLine($"- {name}: {value}");
        }

        text.AppendLine();
    }

    private void WritePromises(StringBuilder text)
    {
        var rows = new List<string>();
        foreach (var (promise, work, one, other, limit) in Promises)
        {
            var ratio = Median("request", "cpu", one, work) / Median("request", "cpu", other, work);
            if (!double.IsFinite(ratio)) continue;
            rows.Add($"| {promise} | {ratio:F2} | {Verdict(limit > 0 ? ratio <= limit : ratio >= -limit, work, one, other)} |");
        }

        const string Refresh = "refresh";
        var throughput = Median("request", "persecond", Own + "es256", Refresh) / Median("request", "persecond", "floor es256", Refresh);
        if (double.IsFinite(throughput))
            rows.Add($"| durable ES256 refreshes a second: at least 0.65 × the floor's | {throughput:F2} | {Verdict(throughput >= 0.65, Refresh, Own + "es256", "floor es256")} |");
        var database = Median("request", "dbcpu", OnPostgres, Refresh) / Median("request", "cpu", OnPostgres, Refresh);
        if (double.IsFinite(database))
            rows.Add($"| refresh on PostgreSQL, ES256: the database's CPU at most the app's | {database:F2} | {Verdict(database <= 1, Refresh, OnPostgres, OnPostgres)} |");
        AddAtMost("native start to the first 200: at most 120 ms", Median("start", "ms", Own + "es256"), 120);
        AddAtMost("resident memory, idle: at most 50 MiB", Median("memory", "idle", Own + "es256"), 50);
        AddAtMost("resident memory after 60,000 requests: at most 120 MiB", Median("memory", "after", Own + "es256"), 120);
        AddAtMost("refresh among the most grants: at most 1.15 × that among the fewest", AmongGrants(grants => grants.Last()) / AmongGrants(grants => grants.First()), 1.15);
        AddAtMost("database of an idle grant: at most 260 bytes", lines.Where(line => line.Figures.ContainsKey("grantbytes")).Select(line => line.Figures["grantbytes"]).Median(), 260);
        AddAtMost("database after refreshing few grants again and again: at most 1 MiB more", lines.Where(line => line.Kind == "repeat")
            .Select(line => (line.Figures["after"] - line.Figures["before"]) / 1048576).Median(), 1);

        void AddAtMost(string promise, double value, double limit)
        {
            if (double.IsFinite(value)) rows.Add($"| {promise} | {value:0.##} | {(value <= limit ? "yes" : "no")} |");
        }

        if (rows.Count == 0) return;
        text.AppendLine("## Against its promises\n\nBy CPU µs, unless it says something else. \"Unsure\": meanwhile something else kept more than half a processor busy.\n")
            .AppendLine("| Promise | Measured | Holds |\n|---|---:|---|").AppendLine(string.Join('\n', rows)).AppendLine();
    }

    /// <summary>The CPU µs of a refresh in a database of one of the measured sizes, of which the fewest grants come first.</summary>
    private double AmongGrants(Func<IEnumerable<IGrouping<double, Line>>, IGrouping<double, Line>> choose)
    {
        var sizes = lines.Where(line => line.Kind == "growth" && line.Figures.ContainsKey("cpu")).GroupBy(line => line.Figures["size"]).OrderBy(size => size.Key).ToList();
        return sizes.Count < 2 ? double.NaN : choose(sizes).Select(line => line.Figures["cpu"]).Median();
    }

    private string Verdict(bool holds, string work, string one, string other) =>
        Math.Max(Median("request", "other", one, work), Median("request", "other", other, work)) > TooMuchOtherLoad ? "unsure" : holds ? "yes" : "no";

    private void WriteRequests(StringBuilder text, string folder)
    {
        var requests = lines.Where(line => line.Kind == "request").ToList();
        if (requests.Count == 0) return;
        text.AppendLine("## Requests").AppendLine().AppendLine("![CPU time a request](requests.svg)").AppendLine();
        foreach (var work in Work.Names.Where(name => requests.Any(line => line.Work == name)))
        {
            text.AppendLine($"### {Work.Title(work)}").AppendLine()
                .AppendLine("| Server | CPU µs | Database's CPU µs | Requests/s | p50 ms | p99 ms | Errors | Other load |").AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|");
            foreach (var subject in requests.Where(line => line.Work == work).GroupBy(line => line.Subject!))
            {
                double Of(string figure) => subject.Select(line => line.Figures[figure]).Median();
                text.AppendLine($"| {subject.Key} | {Of("cpu"):F0} | {(Of("dbcpu") > 0 ? $"{Of("dbcpu"):F0}" : "")} | {Of("persecond"):F0} | {Of("p50"):F2} | {Of("p99"):F2} | {subject.Sum(line => line.Figures["errors"]):F0} | {Of("other"):F2} |");
            }

            text.AppendLine();
        }

        var chart = new BarChart("Processor time a request costs", "Microseconds, ES256, SQLite with every commit on disk. Shorter is better.");
        foreach (var (work, title) in Charted)
        {
            chart.Add(title, new[] { ("Latchkey", Own + "es256", "own"), ("oidc-provider 9", Peer + "es256", "peer"), ("OpenIddict 7.8", OpenIddict + "es256", "peer"), ("floor", "floor es256", "floor") }
                .Select(bar => (bar, Value: Median("request", "cpu", bar.Item2, work)))
                .Select(pair => new BarChart.Bar(pair.bar.Item1, pair.Value, $"{pair.Value:N0} µs", pair.bar.Item3)));
        }

        File.WriteAllText(Path.Combine(folder, "requests.svg"), chart.ToSvg());
    }

    private void WriteProcesses(StringBuilder text, string folder)
    {
        var subjects = lines.Where(line => line.Kind is "start" or "memory").Select(line => line.Subject!).Distinct().ToList();
        if (subjects.Count == 0) return;
        text.AppendLine("## Start and memory\n\n![Start and memory](processes.svg)\n")
            .AppendLine("From the start of the process to the first 200 of discovery, keys and schema there already. Memory is resident (RSS).\n")
            .AppendLine("| Server | Start, ms | Idle, MiB | After 60,000 client_credentials, MiB |\n|---|---:|---:|---:|");
        foreach (var subject in subjects)
        {
            // Who is too slow for so many has answered fewer when the time is up.
            var answers = Median("memory", "answers", subject);
            text.AppendLine($"| {subject} | {Median("start", "ms", subject):F0} | {Median("memory", "idle", subject):F0} | {Median("memory", "after", subject):F0}{(answers < 59_000 ? $" (after {answers:N0})" : "")} |");
        }

        text.AppendLine();

        var chart = new BarChart("Start and memory", "Shorter is better.");
        foreach (var (title, kind, figure, unit) in new[] { ("Start to the first answer", "start", "ms", "ms"), ("Memory when idle", "memory", "idle", "MiB"), ("Memory after 60,000 requests", "memory", "after", "MiB") })
        {
            chart.Add(title, subjects.Select(subject => (subject, Value: Median(kind, figure, subject)))
                .Select(pair => new BarChart.Bar(pair.subject.Replace(" sqlite es256", ""), pair.Value, $"{pair.Value:N0} {unit}", pair.subject.StartsWith("latchkey", StringComparison.Ordinal) ? "own" : pair.subject.StartsWith("floor", StringComparison.Ordinal) ? "floor" : "peer")));
        }

        File.WriteAllText(Path.Combine(folder, "processes.svg"), chart.ToSvg());
    }

    private void WriteGrowth(StringBuilder text, string folder)
    {
        var growth = lines.Where(line => line.Kind == "growth").ToList();
        if (growth.Count == 0) return;
        var chart = new BarChart("A refresh among many grants", "Microseconds of processor time, native, SQLite, ES256. Level is good.");
        var bars = new List<BarChart.Bar>();
        text.AppendLine("## Growth\n\n![A refresh among many grants](growth.svg)\n")
            .AppendLine("| Grants | Database, MiB | Bytes a grant | Refresh, CPU µs | Refreshes/s |\n|---:|---:|---:|---:|---:|");
        foreach (var size in growth.GroupBy(line => line.Figures["size"]).OrderBy(group => group.Key))
        {
            double Of(string figure) => size.Where(line => line.Figures.ContainsKey(figure)).Select(line => line.Figures[figure]).Median();
            text.AppendLine($"| {size.Key:N0} | {Of("bytes") / 1048576:F0} | {Of("grantbytes"):F0} | {Of("cpu"):F0} | {Of("persecond"):F0} |");
            bars.Add(new($"{size.Key:N0} grants", Of("cpu"), $"{Of("cpu"):F0} µs", "own"));
        }

        text.AppendLine();
        foreach (var repeat in lines.Where(line => line.Kind == "repeat"))
        {
            text.AppendLine($"{repeat.Figures["count"]:N0} refreshes of {Load.Connections} grants: the database had {repeat.Figures["before"] / 1048576:F1} MiB before and {repeat.Figures["after"] / 1048576:F1} MiB after.").AppendLine();
        }

        chart.Add("", bars);
        File.WriteAllText(Path.Combine(folder, "growth.svg"), chart.ToSvg());
    }

    private double Median(string kind, string figure, string subject, string? work = null) =>
        lines.Where(line => line.Kind == kind && line.Subject == subject && line.Work == work && line.Figures.ContainsKey(figure)).Select(line => line.Figures[figure]).Median();
}
