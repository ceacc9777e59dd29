namespace Latchkey.Samples;

/// <summary>The program's settings: <c>--name value</c>. Client id and secret may also come as CLIENT_ID and CLIENT_SECRET.</summary>
internal sealed class Flags
{
    private readonly Dictionary<string, string> _values = [];
    private readonly string _usage;

    public Flags(string[] arguments, string usage, params string[] known)
    {
        _usage = usage;
        for (var i = 0; i < arguments.Length; i += 2)
        {
            var name = arguments[i].StartsWith("--", StringComparison.Ordinal) ? arguments[i][2..] : "";
            if (!known.Contains(name)) Refuse($"There is no flag {arguments[i]}.");
            if (i + 1 == arguments.Length) Refuse($"{arguments[i]} needs a value.");
            _values[name] = arguments[i + 1];
        }

        foreach (var name in new[] { "client-id", "client-secret" })
        {
            if (Environment.GetEnvironmentVariable(name.ToUpperInvariant().Replace('-', '_')) is { } value) _values.TryAdd(name, value);
        }
    }

    public string? Find(string name) => _values.GetValueOrDefault(name);

    public string Get(string name)
    {
        if (!_values.TryGetValue(name, out var value)) Refuse($"--{name} is missing.");
        return value!;
    }

    public int Number(string name, int otherwise)
    {
        if (!_values.TryGetValue(name, out var text)) return otherwise;
        if (!int.TryParse(text, out var number) || number < 1) Refuse($"--{name} is a whole number from 1.");
        return number;
    }

    private void Refuse(string sentence)
    {
        Console.Error.WriteLine($"{sentence} Usage: {_usage}");
        Environment.Exit(2);
    }
}
