using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Latchkey.Cli.Monitoring;
using Latchkey.Server;
using Latchkey.Server.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging.Console;

namespace Latchkey.Cli;

/// <summary>Puts the server together: settings in, a host out that is ready to start.</summary>
internal static class ServerHost
{
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Builds the host. Starting it brings the schema, the keys and the declared state in order before the first connection is taken.</summary>
    /// <param name="settings">What the operator set.</param>
    /// <param name="clock">The clock; the system's unless a test brings its own.</param>
    /// <param name="configure">Last changes, for tests.</param>
    /// <exception cref="SettingException">The data folder or the database can't be used.</exception>
    public static WebApplication Build(ServeSettings settings, TimeProvider? clock = null, Action<WebApplicationBuilder>? configure = null)
    {
        DataFolder.Create(settings.Data);
        var database = settings.Database.Open();

        // An empty builder: no appsettings.json or ASPNETCORE_ variable changes this server behind its own settings' back.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "latchkey", ContentRootPath = settings.Data });
        AddLogging(builder.Logging, settings);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout);
        builder.Services.Configure<ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
        if (clock is not null) builder.Services.AddSingleton(clock);

        builder.Services.AddKeyRing(settings.Data, database, !settings.Database.IsFile, settings.KeyEncryptionKey);
        builder.Services.AddRoutingCore();
        builder.Services.AddLatchkeyServer(settings.Options, database);
        // Registered first to be started first: nothing else runs on a database that is not in order.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(services => new Preparation(services, settings)));
        Listen(builder.WebHost, settings);
        MonitoringServices.Add(builder.Services, settings);
        ClosedServices.Add(builder.Services);
        configure?.Invoke(builder);

        var app = builder.Build();
        app.UseTrustedProxies(settings.Proxies, settings.Options.ClientCertificateHeader);
        app.MapLatchkeyServer();
        return app;
    }

    private static void AddLogging(ILoggingBuilder logging, ServeSettings settings)
    {
        logging.SetMinimumLevel(settings.LogLevel);
        if (settings.LogLevel > LogLevel.Debug) logging.AddFilter("Microsoft", settings.LogLevel > LogLevel.Warning ? settings.LogLevel : LogLevel.Warning);
        // Never below: the framework's own lines hold whole URLs, and with them hints and sealed requests.
        logging.AddFilter("Microsoft.AspNetCore", settings.LogLevel > LogLevel.Warning ? settings.LogLevel : LogLevel.Warning);
        // A failed start is one sentence of ours, and the key ring is guarded by its folder's rights.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        logging.Services.Configure<ConsoleLoggerOptions>(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        if (settings.LogJson)
        {
            logging.AddJsonConsole(options =>
            {
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
                // The request's id and trace stand in every line that it caused.
                options.IncludeScopes = true;
            });
            logging.Configure(options => options.ActivityTrackingOptions = ActivityTrackingOptions.TraceId);
        }
        else
        {
            logging.AddSimpleConsole(options =>
            {
                options.SingleLine = true;
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-dd HH:mm:ss.fff'Z' ";
            });
        }
    }

    private static void Listen(IWebHostBuilder host, ServeSettings settings)
    {
        host.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel((_, kestrel) =>
        {
            kestrel.Limits.MaxRequestLineSize = 32 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 100;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
            foreach (var address in settings.Addresses) Listen(kestrel, address, settings, takesClientCertificates: false);
            foreach (var address in settings.MtlsAddresses) Listen(kestrel, address, settings, takesClientCertificates: true);
        });
    }

    private static void Listen(KestrelServerOptions kestrel, ListenAddress address, ServeSettings settings, bool takesClientCertificates)
    {
        void Configure(ListenOptions listen)
        {
            if (address.IsHttps) UseCertificate(listen, settings.Certificate!, takesClientCertificates);
        }

        if (address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            if (address.Port == 0) kestrel.Listen(IPAddress.Loopback, 0, Configure);
            else kestrel.ListenLocalhost(address.Port, Configure);
        }
        else if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip))
        {
            kestrel.Listen(ip, address.Port, Configure);
        }
        else
        {
            // A name says nothing of interfaces; http is here only behind named proxies.
            kestrel.ListenAnyIP(address.Port, Configure);
        }
    }

    private static void UseCertificate(ListenOptions listen, CertificateFiles certificate, bool takesClientCertificates)
    {
        var logger = listen.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger("Latchkey.Cli.CertificateFiles");
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => new(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = certificate.Current(Environment.TickCount64, reason => logger.LogWarning("The certificate in use stays: {Reason}", reason)),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ClientCertificateRequired = takesClientCertificates,
#pragma warning disable CA5359 // whose certificate it is, is judged where the client is known; one that has none is told so by the endpoint
                RemoteCertificateValidationCallback = takesClientCertificates ? (_, _, _, _) => true : null,
#pragma warning restore CA5359
            }),
        });
    }
}
