using System.CommandLine;
using Latchkey.Server.Admin;

namespace Latchkey.Cli.Tests;

/// <summary>Each setting is a flag, a variable and a key of the configuration file; the flag wins over the variable, the variable over the file.</summary>
public sealed class SettingTests
{
    public static TheoryData<string> Keys => [.. Setting.Keys];

    [Theory, MemberData(nameof(Keys))]
    public void A_flag_wins_over_the_variable_and_the_variable_over_the_file(string key)
    {
        var setting = Setting.All.Single(candidate => candidate.Key == key);
        var flag = "--" + key.Replace('_', '-');
        var variable = "LATCHKEY_" + key.ToUpperInvariant();

        Assert.Equal(new("of-flag", flag), Find(setting, [flag, "of-flag"], (variable, "of-variable"), (key, "of-file")));
        Assert.Equal(new("of-variable", variable), Find(setting, [], (variable, "of-variable"), (key, "of-file")));
        Assert.Equal(new("of-file", $"latchkey.json: settings.{key}"), Find(setting, [], null, (key, "of-file")));
        Assert.Null(Find(setting, [], null, null));
    }

    [Theory, MemberData(nameof(Keys))]
    public void An_empty_variable_is_not_set(string key)
    {
        var setting = Setting.All.Single(candidate => candidate.Key == key);
        Assert.Equal("of-file", Find(setting, [], (setting.Variable, ""), (key, "of-file"))?.Text);
    }

    [Fact]
    public void Every_setting_is_a_flag_of_serve()
    {
        var serve = CommandLine.Build().Subcommands.Single(command => command.Name == "serve");
        Assert.Equal(
            [.. Setting.Keys.Select(key => "--" + key.Replace('_', '-')).Append("--config").Append("--help").Order(StringComparer.Ordinal)],
            serve.Options.Concat(serve.Parents.SelectMany(parent => ((Command)parent).Options).Where(option => option.Recursive)).Select(option => option.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_list_in_the_file_is_as_good_as_commas()
    {
        var state = DeclaredStateReader.Read("""{ "settings": { "trusted_proxies": ["10.0.0.0/8", "127.0.0.1"], "access_token_lifetime": 600 } }""", "latchkey.json", Setting.Keys, _ => null);
        Assert.Equal("10.0.0.0/8,127.0.0.1", state.Settings["trusted_proxies"].Value);
        Assert.Equal("600", state.Settings["access_token_lifetime"].Value);
    }

    private static SettingValue? Find(Setting setting, string[] flags, (string Name, string Value)? variable, (string Key, string Value)? file)
    {
        var state = DeclaredStateReader.Read(
            file is { } entry ? $$"""{ "settings": { "{{entry.Key}}": "{{entry.Value}}" } }""" : "{}", "latchkey.json", Setting.Keys, _ => null);
        return new SettingSources(CommandLine.Build().Parse(["serve", .. flags]), name => name == variable?.Name ? variable?.Value : null, state.Settings).Find(setting);
    }
}
