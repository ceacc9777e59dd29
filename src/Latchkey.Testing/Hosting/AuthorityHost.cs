using System.Net;
using Latchkey.Server;
using Latchkey.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Testing.Hosting;

/// <summary>Puts the real server together in the test's process, with the parts that <c>latchkey serve</c> puts together too.</summary>
internal static class AuthorityHost
{
    /// <summary>The host of an authority.</summary>
    public static WebApplication Build(ServerOptions options, AuthorityOptions wanted, int port, Database database, IDataProtectionProvider protection, TimeProvider clock)
    {
        var builder = Prepare(options, database, protection, clock);
        if (wanted.Log is { } log) builder.Logging.AddProvider(log);
        if (wanted.Listen == Listening.Loopback)
            builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        else
            // The origin alone: a path here would be taken off each request before the server sees it.
            builder.WebHost.UseTestServer(server => server.BaseAddress = new Uri(new Uri(options.Issuer), "/"));
        return builder.Build();
    }

    /// <summary>The services that fill a template; it is never started.</summary>
    public static WebApplication BuildForTemplate(Database database, IDataProtectionProvider protection)
    {
        var builder = Prepare(new ServerOptions { Issuer = "https://authority.test" }, database, protection, TimeProvider.System);
        builder.WebHost.UseTestServer();
        return builder.Build();
    }

    private static WebApplicationBuilder Prepare(ServerOptions options, Database database, IDataProtectionProvider protection, TimeProvider clock)
    {
        // An empty builder: nothing of the test's surroundings changes the server.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "latchkey-testing" });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        // The test's process is not the authority's: signals are for the test runner.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton(clock);
        builder.Services.AddDataProtection();
        builder.Services.AddSingleton(protection);
        builder.Services.AddRoutingCore();
        builder.Services.AddLatchkeyServer(options, database);
        return builder;
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
