using System.ComponentModel;
using System.Diagnostics;

namespace Latchkey.Client.Native;

/// <summary>Starts the system's browser: by a program with one argument and never through a shell, which would read the address as commands.</summary>
internal static class SystemBrowser
{
    // A starter such as xdg-open that finds no browser says so at once; one that is still there after this time is the browser.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public static async Task OpenAsync(Uri address, CancellationToken cancellation)
    {
        var url = BrowserAddress.Checked(address).AbsoluteUri;
        foreach (var start in Ways(url, Environment.GetEnvironmentVariable("BROWSER")))
        {
            if (await IsStartedAsync(start, cancellation).ConfigureAwait(false)) return;
        }

        throw new OAuthException(NativeRefusals.NoBrowser());
    }

    /// <summary>The ways to open an address, the person's own choice first.</summary>
    /// <param name="url">An https address, or http on loopback.</param>
    /// <param name="browser">
    /// The variable BROWSER: programs separated by colons (semicolons on Windows), where %s stands for the address and is at the end if it is absent.
    /// </param>
    internal static IEnumerable<ProcessStartInfo> Ways(string url, string? browser)
    {
        foreach (var choice in (browser ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            yield return Chosen(choice, url);
        if (OperatingSystem.IsWindows())
        {
            // ShellExecute: no command line is read; the address goes to the program that is registered for https.
            yield return new ProcessStartInfo(url) { UseShellExecute = true };
        }
        else
        {
            foreach (var program in OperatingSystem.IsMacOS() ? (string[])["open"] : ["xdg-open", "wslview", "gio"])
                yield return Program(program, program == "gio" ? ["open", url] : [url]);
        }
    }

    internal static async Task<bool> IsStartedAsync(ProcessStartInfo start, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            using var process = Process.Start(start);
            // ShellExecute may hand the address to a browser that runs already.
            if (process is null) return true;
            await process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            return process.ExitCode == 0;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception exception) when (exception is Win32Exception or FileNotFoundException or PlatformNotSupportedException or InvalidOperationException)
        {
            return false;
        }
    }

    private static ProcessStartInfo Chosen(string choice, string url)
    {
        // A path with spaces in it is one word; otherwise the words are the program and its arguments.
        string[] words = File.Exists(choice) ? [choice] : choice.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var arguments = words.Skip(1).Select(word => word.Replace("%s", url, StringComparison.Ordinal)).ToList();
        if (!words.Skip(1).Any(word => word.Contains("%s", StringComparison.Ordinal))) arguments.Add(url);
        return Program(words[0], arguments);
    }

    private static ProcessStartInfo Program(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return start;
    }
}
