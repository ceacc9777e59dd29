using System.CommandLine;
using System.Globalization;
using Latchkey.Server.Admin;

namespace Latchkey.Cli;

/// <summary>A setting's value and where it came from, for messages.</summary>
/// <param name="Text">The value.</param>
/// <param name="Source">Such as <c>--issuer</c>, <c>LATCHKEY_ISSUER</c> or <c>latchkey.json: settings.issuer</c>.</param>
internal readonly record struct SettingValue(string Text, string Source);

/// <summary>Where settings come from: a flag wins over the environment variable, the variable over the configuration file. Empty is absent.</summary>
/// <param name="flags">The command line.</param>
/// <param name="environment">Reads an environment variable.</param>
/// <param name="file">The settings of the configuration files.</param>
internal sealed class SettingSources(ParseResult flags, Func<string, string?> environment, IReadOnlyDictionary<string, DeclaredSetting> file)
{
    /// <summary>The value of a setting, or null if it is set nowhere.</summary>
    public SettingValue? Find(Setting setting)
    {
        if (flags.GetResult(setting.Option) is { Implicit: false } && flags.GetValue(setting.Option) is { Length: > 0 } flag) return new(flag, setting.Option.Name);
        if (environment(setting.Variable) is { Length: > 0 } variable) return new(variable, setting.Variable);
        return file.TryGetValue(setting.Key, out var declared) && declared.Value.Length > 0 ? new(declared.Value, declared.Place) : null;
    }

    /// <summary>A lifetime in whole seconds.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="fallback">What it is when it is not set.</param>
    /// <param name="minimum">The least that makes sense.</param>
    /// <param name="maximum">The most that is allowed.</param>
    /// <exception cref="SettingException">It is no number or out of bounds.</exception>
    public TimeSpan Seconds(Setting setting, TimeSpan fallback, long minimum, long maximum)
    {
        if (Find(setting) is not { } value) return fallback;
        if (!long.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds < minimum || seconds > maximum)
            throw new SettingException($"{value.Source} is \"{value.Text}\", but it must be a whole number of seconds from {minimum} to {maximum}.");
        return TimeSpan.FromSeconds(seconds);
    }

    /// <summary>One of a few words.</summary>
    /// <exception cref="SettingException">It is another word.</exception>
    public string Word(Setting setting, params IReadOnlyList<string> words)
    {
        if (Find(setting) is not { } value) return words[0];
        return words.FirstOrDefault(word => word.Equals(value.Text, StringComparison.OrdinalIgnoreCase))
            ?? throw new SettingException($"{value.Source} is \"{value.Text}\", but it must be one of {string.Join(", ", words)}.");
    }
}
