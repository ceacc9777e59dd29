using Latchkey.Client.Native;

namespace Latchkey.Client.Tests.Native;

public sealed class SystemBrowserTests
{
    private const string Url = "https://id.example.com/authorize?scope=a%20b&x=$(touch%20evil)&y='z'";

    [Theory, Check("C26"), Spec("OAuth 2.1", "1.5")]
    [InlineData("file:///etc/passwd")]
    [InlineData("javascript:alert(1)")]
    [InlineData("com.example.app:/run")]
    [InlineData("http://id.example.com/authorize")]
    [InlineData("ftp://127.0.0.1/")]
    [InlineData("https://user@id.example.com/")]
    public async Task Only_web_addresses_are_opened(string address)
    {
        var refused = await Assert.ThrowsAsync<OAuthException>(() => LatchkeyNative.OpenBrowserAsync(new Uri(address)));
        Assert.Equal("LK-CLIENT-NATIVE-ADDRESS", refused.Refusal?.Code);
    }

    [Fact, Check("C26"), Check("C24")]
    public void The_address_is_one_argument_of_a_program_and_never_goes_through_a_shell()
    {
        var ways = SystemBrowser.Ways(Url, null).ToList();
        Assert.NotEmpty(ways);
        Assert.All(ways, way =>
        {
            Assert.False(way.UseShellExecute);
            Assert.Equal(Url, way.ArgumentList[^1]);
            Assert.Empty(way.Arguments);
            Assert.DoesNotContain(Path.GetFileName(way.FileName), (string[])["sh", "bash", "cmd", "cmd.exe"]);
        });
    }

    [Theory]
    [InlineData("firefox", "firefox", new[] { Url })]
    [InlineData("firefox --new-window", "firefox", new[] { "--new-window", Url })]
    [InlineData("browser --url=%s --quiet", "browser", new[] { "--url=" + Url, "--quiet" })]
    [InlineData("first:second", "first", new[] { Url })]
    public void The_persons_own_browser_comes_first(string browser, string program, string[] arguments)
    {
        var first = SystemBrowser.Ways(Url, browser).First();
        Assert.Equal(program, first.FileName);
        Assert.Equal(arguments, first.ArgumentList);
    }

    [Fact]
    public async Task A_starter_that_fails_is_followed_by_the_next_and_the_address_arrives_as_it_is()
    {
        using var folder = new TemporaryFolder();
        var (seen, script) = (Path.Combine(folder.Path, "seen"), Path.Combine(folder.Path, "browser"));
        await File.WriteAllTextAsync(script, $"#!/bin/sh\nprintf '%s' \"$1\" > '{seen}'\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.False(await SystemBrowser.IsStartedAsync(SystemBrowser.Ways(Url, Path.Combine(folder.Path, "absent")).First(), default));
        Assert.False(await SystemBrowser.IsStartedAsync(SystemBrowser.Ways(Url, "false").First(), default));
        Assert.True(await SystemBrowser.IsStartedAsync(SystemBrowser.Ways(Url, script).First(), default));
        Assert.Equal(Url, await File.ReadAllTextAsync(seen));
    }
}
