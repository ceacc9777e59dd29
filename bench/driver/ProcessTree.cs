using System.Globalization;

namespace Latchkey.Bench;

/// <summary>What /proc says of a process and its children.</summary>
internal sealed class ProcessTree
{
    private const double TicksPerSecond = 100; // USER_HZ

    private readonly List<int> _ids;

    public ProcessTree(int root)
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out var id) && Stat(id) is { } stat) parents[id] = stat.Parent;
        }

        _ids = [root];
        for (var i = 0; i < _ids.Count; i++) _ids.AddRange(parents.Where(pair => pair.Value == _ids[i]).Select(pair => pair.Key));
    }

    /// <summary>The process itself, then its children.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>User and system time so far, in seconds.</summary>
    public double Cpu => _ids.Sum(id => Stat(id)?.Cpu ?? 0);

    /// <summary>Resident memory in MiB.</summary>
    public double Memory => _ids.Sum(MemoryOf);

    /// <summary>What all processors of the machine have done so far, in seconds.</summary>
    public static double Machine
    {
        get
        {
            // user nice system idle iowait irq softirq
            var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..].Select(Number).ToArray();
            return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / TicksPerSecond;
        }
    }

    private static (int Parent, double Cpu)? Stat(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            // The name stands in parentheses and may hold anything.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return ((int)Number(fields[1]), (Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
        }
        catch (IOException)
        {
            return null; // it ended meanwhile
        }
    }

    private static double MemoryOf(int id)
    {
        try
        {
            var line = File.ReadLines($"/proc/{id}/status").FirstOrDefault(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return line is null ? 0 : Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) / 1024;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
