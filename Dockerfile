# One image, made in one of two ways:
#   image    copies what `npm run build:image-context` prepared in .image/ and needs no network; docker-compose.yml builds this one
#   source   installs and compiles inside; for machines with a network and nothing but Docker
# Only what every builder understands: no BuildKit features. Its predecessor builds every stage above the one asked for, hence the order.

FROM node:24-bookworm-slim AS base
WORKDIR /app
# Inside a container only the published ports are reachable, and only from outside of it: hence all addresses.
ENV NODE_ENV=production PATH=/app/bin:$PATH CHANCERY_LOG=file:/data CHANCERY_OPERATOR=0.0.0.0:8480 CHANCERY_META_SERVICE=0.0.0.0:5000
RUN mkdir /data && chown node:node /data
VOLUME /data
EXPOSE 8480 5000
USER node
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=64", "/app/dist/src/main.js"]
CMD ["serve"]

FROM base AS image
COPY .image/ ./

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY events events
COPY projections projections
COPY src src
RUN node_modules/.bin/tsc -p src/tsconfig.json && npm prune --omit=dev

FROM base AS source
COPY package.json LICENSE ./
COPY bin/chancery bin/chancery
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
